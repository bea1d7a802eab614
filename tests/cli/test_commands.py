"""Tests of edgewbc.cli.commands: a command is imported when it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edgewbc.cli
from edgewbc.cli.commands import SUMMARIES, load
from edgewbc.cli.main import main

_SHARED = {
    "commands",
    "console",
    "data_audit",
    "defaults",
    "main",
    "network_info",
    "options",
    "training_progress",
    "__init__",
}
"""Modules of `edgewbc.cli` that are not commands."""
_IMPORTED = """
import sys
from edgewbc.cli.main import main
try:
    main(sys.argv[1:])
finally:
    names = {name.removeprefix("edgewbc.cli.") for name in sys.modules if name.startswith("edgewbc.cli.")}
    print(*sorted(names), *sorted({"rich", "numpy", "cv2"} & set(sys.modules)), file=sys.stderr)
"""


def test_every_module_is_a_command_or_shared() -> None:
    modules = {file.stem for file in Path(edgewbc.cli.__file__).parent.glob("*.py")}
    assert {name.replace("-", "_") for name in SUMMARIES} == modules - _SHARED


def test_commands_load_with_their_summaries() -> None:
    found = {name: load(name) for name in SUMMARIES}
    assert {name: command.short_help for name, command in found.items()} == SUMMARIES
    assert all(command.help for command in found.values())
    assert "synth" in found["data"].commands
    assert not hasattr(found["classify"], "commands")


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        (["--help"], "commands main"),
        (["--version"], "commands main"),
        (["sign", "--help"], "commands console main sign"),
    ],
)
def test_help_imports_no_other_command(arguments: list[str], imported: str) -> None:
    """The summaries stand in a table, so that help needs neither the commands nor rich, NumPy or OpenCV."""
    ran = subprocess.run([sys.executable, "-c", _IMPORTED, *arguments], capture_output=True, text=True, check=True)
    assert ran.stderr.splitlines()[-1] == imported


def test_help_lists_the_commands_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = capsys.readouterr().out.split("Commands:\n")[1]
    lines = [line.split(maxsplit=1) for line in listed.splitlines() if line.strip()]
    assert lines == [[name, summary] for name, summary in SUMMARIES.items()]


def test_a_misspelled_command_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["clasify"])  # codespell:ignore clasify
    assert "Did you mean 'classify'?" in capsys.readouterr().err
