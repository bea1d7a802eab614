"""The walls between rooms: import-linter's contracts hold, and cover every room and every kind of import."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

TOP = Path(__file__).resolve().parents[1]


def test_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every contract in pyproject.toml is kept."""
    monkeypatch.chdir(TOP)
    code = lint_imports(config_filename=str(TOP / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


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
