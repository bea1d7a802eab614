"""The plan of the package: walls between rooms hold for every kind of import, and tests mirror the modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]

TESTED_ELSEWHERE = {
    "_startup.py": "test_startup.py",
    "_version.py": "cli/test_main.py",
    "bundle/model_facts.py": "bundle/test_ir_file.py",
    "interop/form.py": "cases/test_handover.py",
    "cases/report_page.py": "cases/test_report.py",
    "lab/engine.py": "archive/test_engine.py",
    "serve/limits.py": "serve/test_admission.py",
    "utils/cell_sheet.py": "lab/test_pick_folder.py",
}
"""Modules without a test file of their own, by the file that tests them: constants, templates, and types without logic
of their own, which only mean something in what uses them; and `_startup`, which needs a process for each test."""


def test_contracts_hold() -> None:
    """Every contract in pyproject.toml is kept.

    import-linter runs in a process of its own: it configures logging anew, which closes the handlers that are there.
    absl's handler (OpenVINO's converter imports absl where it is installed) then closes the stream it had found as
    stderr, the one in which pytest captures the output of all tests.
    """
    command = "from importlinter.cli import lint_imports_command as main; main()"
    ran = subprocess.run([sys.executable, "-c", command, "--no-cache"], cwd=TOP, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _contract(name: str) -> dict[str, list[str]]:
    """The import contract whose name begins so."""
    contracts = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (found,) = (contract for contract in contracts if contract["name"].startswith(name))
    return dict(found)


def _rooms() -> set[str]:
    """Every folder of the package, as a dotted name."""
    return {f"edgewbc.{path.parent.name}" for path in (TOP / "edgewbc").glob("*/__init__.py")}


def test_every_module_may_not_import_the_command_line() -> None:
    """A new room or module has to be named in the contract, or it would be free to import the command line."""
    modules = {f"edgewbc.{path.stem}" for path in (TOP / "edgewbc").glob("*.py") if not path.stem.startswith("__")}
    assert set(_contract("Only the command line")["source_modules"]) == _rooms() - {"edgewbc.cli"} | modules


def test_every_room_of_the_lab_side_may_not_import_the_training_side() -> None:
    """docs/architecture.md says on which side a room is; both contracts of the lab side name all of its rooms."""
    table = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    sides = dict(re.findall(r"^\| `(\w+)/` \|.*\| (\w+) \|$", table, re.MULTILINE))
    assert {f"edgewbc.{room}" for room in sides} == _rooms()
    lab = {f"edgewbc.{room}" for room, side in sides.items() if side in ("lab", "both")} - {"edgewbc.cli"}
    for contract in (
        _contract("The lab side never imports the training"),
        _contract("The lab side never imports what"),
    ):
        assert set(contract["source_modules"]) == lab
    training = {f"edgewbc.{room}" for room, side in sides.items() if side == "training"}
    assert set(_contract("The lab side never imports the training")["forbidden_modules"]) == training | {"edgewbc.runs"}


def test_only_the_archive_knows_ray() -> None:
    """And only the command line knows the archive."""
    assert set(_contract("Ray is known")["source_modules"]) == _rooms() - {"edgewbc.archive", "edgewbc.cli"} | {
        "edgewbc.runs"
    }


def _imports(path: Path) -> set[str]:
    """Rooms that a module imports, at its top, inside functions and under TYPE_CHECKING; all imports are absolute."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import, which this test does not resolve"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("edgewbc.")}


def test_no_cycle_between_rooms() -> None:
    """Walked anew from the syntax trees, so that nothing depends on which imports import-linter sees."""
    edges: dict[str, set[str]] = {}
    for path in (TOP / "edgewbc").rglob("*.py"):
        room = path.relative_to(TOP / "edgewbc").with_suffix("").parts[0]
        if room not in ("__init__", "__main__"):
            edges.setdefault(room, set()).update(_imports(path) - {room})
    while leaves := {room for room, targets in edges.items() if not targets & edges.keys()}:
        for room in leaves:
            del edges[room]
    assert edges == {}, "these rooms import each other in a circle"


def test_every_module_has_its_test_file() -> None:
    """`edgewbc/lab/journal.py` is tested by `tests/lab/test_journal.py`; the exceptions are named above."""
    modules = [path.relative_to(TOP / "edgewbc") for path in (TOP / "edgewbc").rglob("*.py")]
    lacking = {
        path.as_posix()
        for path in modules
        if not path.name.startswith("__") and not (TOP / "tests" / path.parent / f"test_{path.name}").is_file()
    }
    assert lacking == TESTED_ELSEWHERE.keys()
    assert all((TOP / "tests" / name).is_file() for name in TESTED_ELSEWHERE.values())
