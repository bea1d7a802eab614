"""Tests of edgewbc._startup: `python -m edgewbc` in a folder that holds files named like modules."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgewbc import _startup


@pytest.mark.parametrize("arguments", [["info", "vgg16gap", "--json"], ["--version"]])
def test_python_m_imports_nothing_of_the_working_folder(arguments: list[str], tmp_path: Path) -> None:
    """`python -m` puts the working folder first on `sys.path`; it is removed before anything is imported."""
    for module in ("json", "typing", "re", "dataclasses"):
        (tmp_path / f"{module}.py").write_text(f"raise SystemExit('imported {module}')", encoding="utf-8")
    ran = subprocess.run([sys.executable, "-m", "edgewbc", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_garbage_collector_runs_rarely() -> None:
    """In the program itself, and not at its end; a program that imports edgewbc keeps its own settings."""
    before = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0, gc.get_threshold()[0]))"
    for code, printed in (("import edgewbc", False), ("from edgewbc.__main__ import main; main()", True)):
        ran = subprocess.run([sys.executable, "-c", f"{before}; {code}", "--version"], capture_output=True, text=True)
        assert ran.stdout.splitlines()[-1] == f"{printed} {_startup.ALLOCATIONS if printed else gc.get_threshold()[0]}"


def test_an_edgewbc_that_is_not_installed_is_still_found(tmp_path: Path) -> None:
    """Its folder is moved to the end of `sys.path`, and subprocesses find it in PYTHONPATH."""
    (tmp_path / "edgewbc").mkdir()
    source = Path(__file__).parents[1] / "edgewbc"
    for name in ("__init__.py", "_startup.py", "_version.py"):
        (tmp_path / "edgewbc" / name).write_bytes((source / name).read_bytes())
    (tmp_path / "edgewbc" / "__main__.py").write_text(
        "import os, sys; print(sys.path[-1], os.environ['PYTHONPATH'], sep='\\n')", encoding="utf-8"
    )
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-m", "edgewbc"]  # -S: without the installed one
    ran = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, text=True)
    assert ran.stdout.splitlines() == [str(tmp_path.resolve())] * 2, ran.stderr
