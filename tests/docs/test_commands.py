"""The command lines and the Python code of README.md and docs/ run, on synthetic cells."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.images.encode import encode
from edgewbc.synth.cells import draw_cell
from tests.bench.conftest import measure_in_this_process
from tests.conftest import Ran
from tests.docs.blocks import REASONS, blocks, pages

SQLITE = """#!{python}
import sqlite3, sys
path, query = [word for word in sys.argv[1:] if not word.startswith("-")]
found = sqlite3.connect(f"file:{{path}}?mode=ro", uri=True).execute(query)
print(",".join(column[0] for column in found.description))
for row in found:
    print(*row, sep=",")
"""
"""Stands in for the program `sqlite3` where it is not installed."""


def draw(folder: Path, count: int) -> None:
    """Write synthetic cells as JPEG files."""
    folder.mkdir()
    for index in range(count):
        cell = draw_cell(CLASSES[index % len(CLASSES)], np.random.default_rng(index), 96)
        (folder / f"{index:03d}.jpg").write_bytes(encode(cell, ".jpg"))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which a page's commands run: this interpreter's `edgewbc` and `python`, no network."""
    tools = folder / "tools"
    tools.mkdir(parents=True)
    if shutil.which("sqlite3") is None:
        (tools / "sqlite3").write_text(SQLITE.format(python=sys.executable), encoding="utf-8")
        (tools / "sqlite3").chmod(0o755)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(tools), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "EDGEWBC_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")
@pytest.mark.parametrize("workspace", ["lab", "training"])
def test_commands_run(
    edgewbc: Callable[..., Ran], workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command line exits with 0; one that occurs on several pages runs once.

    A line that is nothing but a call of `edgewbc` runs in this process, all others in bash.
    """
    variables = environment(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    measure_in_this_process(monkeypatch)
    monkeypatch.setenv("EDGEWBC_CACHE", variables["EDGEWBC_CACHE"])
    if workspace == "lab":
        draw(folder / "smear-17", 12)
    done: set[str] = set()
    for block in (block for page in pages() for block in blocks(page)):
        if block.language != "bash" or block.skip or block.workspace != workspace:
            continue
        for command in block.commands():
            if command in done:
                continue
            done.add(command)
            ran = edgewbc(*shlex.split(command)[1:]) if is_plain(command) else bash(command, variables)
            assert ran.code == 0, f"{block.page.name}, line {block.line}:\n{command}\n{ran.out}\n{ran.err}"
    assert done


def is_plain(command: str) -> bool:
    """Return whether a command line is a call of `edgewbc` for which a shell has nothing to do but split words."""
    return command.startswith("edgewbc ") and not set(command) & set("|&;<>()$`*?~#\\\n")


def bash(command: str, variables: Mapping[str, str]) -> Ran:
    """Run a command line in bash, in the working folder."""
    script = f"set -euo pipefail\n{command}"
    ran = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_what_a_shell_has_to_do_is_left_to_it() -> None:
    """Quotes are split here as there; pipes, redirections, lists and substitutions are not."""
    assert is_plain('edgewbc count a --by "A. Jones" --review-below basophil=1.01')
    for command in ("edgewbc a > b", "edgewbc a && b", "edgewbc $(ls)", "edgewbc *.png", "python a", "edgewbc-other a"):
        assert not is_plain(command)


def test_every_skipped_block_has_an_accepted_reason() -> None:
    """Only what cannot run in a test is skipped."""
    skipped = [(page.name, block.skip) for page in pages() for block in blocks(page) if block.skip]
    assert [(page, why) for page, why in skipped if not any(reason in why for reason in REASONS)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page run one after another, in one namespace."""
    examples = [block for block in blocks(page) if block.language == "python" and not block.skip]
    draw(tmp_path / "smear-17", 2)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "example"}
    for block in examples:
        exec(compile("\n" * (block.line - 1) + block.text, page.name, "exec"), namespace)  # noqa: S102


def test_directives_are_read(tmp_path: Path) -> None:
    """A directive holds for one block, a workspace until the next; comments go, continued lines are joined."""
    page = tmp_path / "page.md"
    page.write_text(
        '<!-- test: workspace other -->\n<!-- test: before: mkdir a -->\n<!-- test: replace "x" with "y" -->\n'
        "```bash\nls x  # a comment\nls \\\n    a#b\n# nothing\n```\n\n```text\nas it is\n```\n"
    )
    first, second = blocks(page)
    assert first.commands() == ["mkdir a", "ls y", "ls a#b"]
    assert (first.workspace, first.line, first.language) == ("other", 5, "bash")
    assert (second.workspace, second.text, second.before, second.replace) == ("other", "as it is\n", [], [])


def test_a_replacement_that_finds_nothing_is_an_error(tmp_path: Path) -> None:
    """A command that was changed in the page, and not in its directive, is noticed."""
    page = tmp_path / "page.md"
    page.write_text('<!-- test: replace "gone" with "y" -->\n```bash\nls\n```\n')
    with pytest.raises(ValueError, match="nothing to replace: gone"):
        next(blocks(page)).commands()
