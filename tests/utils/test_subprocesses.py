"""Tests of edgewbc.utils.subprocesses."""

import json
import subprocess
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import subprocesses

ECHO = """
import sys
from edgewbc.utils.subprocesses import write_result
print('noise')
write_result({'read': sys.stdin.read()})
print('more')
"""


def test_job_and_result_round_trip() -> None:
    """The job is read from stdin, and the result is separated from whatever else is printed."""
    assert subprocesses.read_result(subprocesses.run(["-c", ECHO], given="job \u00fc")) == {"read": "job \u00fc"}


def test_a_failed_subprocess_has_no_result() -> None:
    """Its exit code and the last line of its output are available."""
    ran = subprocesses.run(["-c", "import sys; print('why\\n', file=sys.stderr); sys.exit(3)"])
    assert (ran.returncode, subprocesses.read_result(ran), subprocesses.last_line(ran.stderr)) == (3, None, "why")
    assert subprocesses.last_line(" \n") == "no output"


def test_a_missing_result_is_an_error_of_one_line() -> None:
    """The error names process, exit code and the last line of stderr; a result counts whatever the exit code."""
    marked = f"{subprocesses.MARKER}{{}}\n"
    good = subprocess.CompletedProcess([], 0, f"noise\n{subprocesses.MARKER}[1, 2]\nmore\n", "warning")
    late = subprocess.CompletedProcess([], -11, marked, "Segmentation fault")
    bad = subprocess.CompletedProcess([], 3, "noise\n", "Traceback\n\n  why \n\n")
    assert subprocesses.require_result(good, "a measurement") == [1, 2]
    assert subprocesses.require_result(late, "a measurement") == {}
    with pytest.raises(UserError) as error:
        subprocesses.require_result(bad, "a measurement")
    assert str(error.value) == "a measurement exited with code 3: why"
    assert subprocesses.failure(late) == "exited with code -11: Segmentation fault"


def test_the_environment_and_the_time_limit_are_the_callers() -> None:
    """Only the given variables are set, and the process is stopped at the limit."""
    ran = subprocesses.run(["-E", "-c", "import os; print(os.environ.get('HELLO'))"], environment={"HELLO": "there"})
    assert ran.stdout.strip() == "there"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocesses.run(["-c", "import time; time.sleep(60)"], timeout=0.2)


@pytest.mark.parametrize("module", ["json", "typing", "re"])
def test_modules_of_the_working_folder_are_not_imported(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named like a module of the standard library lies in the working folder and next to the script."""
    (tmp_path / f"{module}.py").write_text("raise SystemExit(9)", encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(f"import {module}; print({module}.__name__)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for arguments in (["-c", f"import {module}; print({module}.__name__)"], [str(script)]):
        ran = subprocesses.run(arguments)
        assert (ran.returncode, ran.stdout) == (0, f"{module}\n")
    ran = subprocesses.run(["-m", "json.tool", "--compact"], given='{"a": 1}')
    assert (ran.returncode, json.loads(ran.stdout)) == (0, {"a": 1})
