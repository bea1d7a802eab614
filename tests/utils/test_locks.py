"""Tests of `edgewbc.utils.locks`."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import locks

HOLD = """
import sys
from pathlib import Path
from edgewbc.utils import locks
with locks.exclusive(Path(sys.argv[1]), "held"):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_lock_is_exclusive_and_leaves_no_file(tmp_path: Path) -> None:
    """A second holder is refused with the given message; the file is removed, also after an error."""
    file = tmp_path / ".lock"
    with locks.exclusive(file, "held"):
        with pytest.raises(UserError, match="^held$"), locks.exclusive(file, "held"):
            pass
        assert file.exists()
    assert not file.exists()
    with pytest.raises(ZeroDivisionError), locks.exclusive(file, "held"):
        raise ZeroDivisionError
    with locks.exclusive(file, "held"):
        pass


def test_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    """The lock of another process holds while it runs; once it is killed, the lock is free although its file exists."""
    file = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(UserError, match="^held$"), locks.exclusive(file, "held"):
            pass
        holder.kill()
    assert file.exists()
    with locks.exclusive(file, "held"):
        pass
    assert not file.exists()


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names it in one line, and nothing runs without the lock."""

    def unsupported(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", unsupported)
    with (
        pytest.raises(UserError, match=rf"{tmp_path}: this file system has no locks"),
        locks.exclusive(tmp_path / ".lock", "held"),
    ):
        raise AssertionError
