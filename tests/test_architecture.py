"""The walls between rooms: import-linter's contracts hold, and cover every room and every kind of import."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def test_contracts_hold() -> None:
    """Every contract in pyproject.toml is kept.

    import-linter runs in a process of its own: it configures logging anew, which closes the handlers that are there.
    absl's handler (OpenVINO's converter imports absl where it is installed) then closes the stream it had found as
    stderr, the one in which pytest captures the output of all tests.
    """
    command = "from importlinter.cli import lint_imports_command as main; main()"
    ran = subprocess.run([sys.executable, "-c", command, "--no-cache"], cwd=TOP, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_room_may_not_import_the_command_line() -> None:
    """A new room has to be named in the contract, or it would be free to import the command line."""
    contracts = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    named = {
        module
        for contract in contracts
        if contract.get("forbidden_modules") == ["edgewbc.cli"]
        for module in contract["source_modules"]
    }
    rooms = {f"edgewbc.{path.parent.name}" for path in (TOP / "edgewbc").glob("*/__init__.py")}
    assert named == rooms - {"edgewbc.cli"} | {"edgewbc.runs"}


def _imports(path: Path) -> set[str]:
    """Rooms that a module imports, at its top, inside functions and under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
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
