"""Python in a process of its own."""

import subprocess

import pytest

from edgewbc.utils import subprocesses

TELL = """
import sys
from edgewbc.utils.subprocesses import write_result
print('noise')
write_result({'read': sys.stdin.read()})
print('more')
"""


def test_what_is_given_comes_back():
    """A job goes in on stdin and an answer comes back, whatever else is printed."""
    assert subprocesses.read_result(subprocesses.run(["-c", TELL], given="job \u00fc")) == {"read": "job \u00fc"}


def test_a_child_that_fails_has_told_nothing():
    """Its exit code and its last words are there."""
    ran = subprocesses.run(["-c", "import sys; print('why\\n', file=sys.stderr); sys.exit(3)"])
    assert (ran.returncode, subprocesses.read_result(ran), subprocesses.last_words(ran.stderr)) == (3, None, "why")
    assert subprocesses.last_words(" \n") == "no output"


def test_its_environment_and_time_are_the_callers():
    """The variables given are all that it has; past its time it is stopped."""
    ran = subprocesses.run(["-E", "-c", "import os; print(os.environ.get('HELLO'))"], environment={"HELLO": "there"})
    assert ran.stdout.strip() == "there"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocesses.run(["-c", "import time; time.sleep(60)"], timeout=0.2)
