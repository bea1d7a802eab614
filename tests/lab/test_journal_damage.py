"""A journal with a flipped bit gives the same results or an error in one line, never other results."""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow, Status
from tests.lab.test_journal import GOOD, ONE, SCREEN, SETTINGS, bad, good

FLIPS = int(os.environ.get("EDGEWBC_FLIPS", "150"))
NAMES = [f"{n}.png" for n in range(40)]


def make(path: Path) -> list[ResultRow]:
    """Write a journal with results of every kind, an earlier result, a decision and a sign-off; return its rows."""
    with Journal(path, SETTINGS) as journal:
        journal.add(bad(NAMES[3]), ONE, "00")
        for n, name in enumerate(NAMES):
            row = good(name) if n % 5 else bad(name, f"reason {n}")
            if n % 7 == 1:
                row = ResultRow(name, "lymphocyte", 0.5, GOOD, Status.REVIEW, "below", SETTINGS["model_sha256"])
            journal.add(row, ONE, f"{n:02x}")
        journal.decide(NAMES[1], "Dr. Vogt", "neutrophil")
        journal.sign_off("Dr. Vogt", SCREEN)
        return list(journal.rows(NAMES))


def outcome(path: Path) -> str | list[ResultRow]:
    """Return what a run gives that resumes with this journal: its rows, or an error in one line."""
    try:
        with Journal(path, SETTINGS) as journal:
            for number, name in enumerate(NAMES):
                if journal.sha256(name, ONE.size) != f"{number:02x}":
                    return "classified again"  # which gives the same row anew
            decisions = [(decision.path, decision.new) for decision in journal.decisions()]
            assert decisions == [(str(Path.cwd() / NAMES[1]), "neutrophil")]
            return list(journal.rows(NAMES))
    except UserError as error:
        return "refused" if str(path) in str(error) and "\n" not in str(error) else f"badly told: {error!r}"


def test_a_flipped_bit_never_changes_a_result(tmp_path: Path) -> None:
    """Single bits anywhere in the file: the results are equal, or the journal is refused in one line."""
    path, copy = tmp_path / "j", tmp_path / "copy"
    rows = make(path)
    whole = path.read_bytes()
    bits = random.Random(23)  # noqa: S311
    counts = {"equal": 0, "refused": 0, "classified again": 0}
    for _ in range(FLIPS):
        bit = bits.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        copy.write_bytes(damaged)
        found = outcome(copy)
        assert isinstance(found, str) or found == rows, f"bit {bit}"
        assert not isinstance(found, str) or found in counts, f"bit {bit}: {found}"
        counts[found if isinstance(found, str) else "equal"] += 1
        for left in tmp_path.glob("copy*"):
            left.unlink()
    assert counts["refused"] > FLIPS / 4, counts


def test_a_decision_does_not_wait_in_the_write_ahead_log(tmp_path: Path) -> None:
    """A flipped bit there would end SQLite's replay of a killed run's log, and lose what follows without a word."""
    path = tmp_path / "j"
    with Journal(path, SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "00")
        journal.decide("a.png", "Dr. Vogt", "neutrophil")
        shutil.copyfile(path, tmp_path / "decided")  # without the log, as after a kill whose log is lost
        journal.sign_off("Dr. Vogt", SCREEN)
        shutil.copyfile(path, tmp_path / "signed")
    with Journal(tmp_path / "decided", SETTINGS) as journal:
        assert [(each.old, each.new) for each in journal.decisions()] == [(good("a.png").label, "neutrophil")]
    with Journal(tmp_path / "signed", SETTINGS) as journal:
        assert [each.who for each in journal.sign_offs()] == ["Dr. Vogt"]


def test_every_bit_of_a_result_is_covered(tmp_path: Path) -> None:
    """Bits all over one stored row: whichever is flipped, the row is not returned changed."""
    path, copy = tmp_path / "j", tmp_path / "copy"
    rows = make(path)
    whole = path.read_bytes()
    start = whole.index(b"reason 10") - 260
    for bit in range(8 * start, 8 * (start + 300), 23):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        copy.write_bytes(damaged)
        found = outcome(copy)
        assert isinstance(found, str) or found == rows, f"bit {bit}"


def test_lost_pages_and_truncation_are_refused(tmp_path: Path) -> None:
    """A page of zeros, and a file that was cut, at any page."""
    path, copy = tmp_path / "j", tmp_path / "copy"
    rows = make(path)
    whole = path.read_bytes()
    for page in range(0, len(whole), 4096):
        for damaged in (whole[:page] + bytes(4096) + whole[page + 4096 :], whole[:page]):
            shutil.rmtree(copy, ignore_errors=True)
            copy.write_bytes(damaged)
            if damaged:
                found = outcome(copy)
                assert found == "refused" or found == rows, page


LIMIT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
int calls, fail_at;
static int fails(int file) {
  struct stat status;
  if (fstat(file, &status) || !S_ISREG(status.st_mode)) return 0;
  return ++calls == fail_at;
}
int fsync(int file) {
  if (fails(file)) { errno = EIO; return -1; }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
int fdatasync(int file) {
  if (fails(file)) { errno = EIO; return -1; }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"""
"""Fails the flush of a given number. (Those of folders do not count: SQLite ignores errors, and they are repeated.)"""

WRITE = """
import ctypes, sys
from pathlib import Path
from edgewbc.errors import UserError
from tests.lab.test_journal import ONE, SETTINGS, good
from edgewbc.lab.journal import Journal
calls, fail_at = (ctypes.c_int.in_dll(ctypes.CDLL(None), name) for name in ("calls", "fail_at"))
for at in range(1, 40):
    calls.value, fail_at.value = 0, at
    path = Path(sys.argv[1], f"{at}.journal")
    try:
        with Journal(path, SETTINGS) as journal:
            for n in range(20):
                journal.add(good(f"{n}.png"), ONE, "aa")
                if n % 5 == 0:
                    journal.flush()
            journal.flush()
    except UserError as error:
        print(repr(str(error)))
        fail_at.value = 0
        with Journal(path, SETTINGS) as journal:
            assert journal.verify() == []
        continue
    break
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="needs gcc and Linux")
def test_a_failed_flush_is_never_ignored(tmp_path: Path) -> None:
    """Whichever flush to the disk fails, the run ends with an error in one line; the next run continues."""
    (tmp_path / "limit.c").write_text(LIMIT)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "limit.so", "limit.c", "-ldl"], cwd=tmp_path, check=True)  # noqa: S607
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "limit.so")}
    done = subprocess.run(
        [sys.executable, "-c", WRITE, tmp_path],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    errors = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert 5 <= len(errors) < 39
    for at, error in enumerate(errors, 1):
        assert f"{at}.journal" in error
        assert "\n" not in error
