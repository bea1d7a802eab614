"""Tests of edgewbc.__main__: Ctrl-C at moments where Python would drop it, or turn it into something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import os, signal, sys, time
sys.path.insert(0, sys.argv.pop())
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
from edgewbc import __main__ as program
from edgewbc.cli import main as cli
press = lambda: os.kill(os.getpid(), signal.SIGINT)
"""
WAIT = "time.sleep(30)\n    print('dropped')\n"

IN_DESTRUCTOR = f"""
class Held:
    def __del__(self):
        press()
        sum(range(100))
def run(arguments=None):
    Held()
    {WAIT}
cli.main = run
program.main()
"""
IN_IMPORT = f"""
from pathlib import Path
Path("slow.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(0.2); whole = 1")
sys.path.insert(0, ".")
def run(arguments=None):
    try:
        import slow
    except BaseException:
        print("an import was interrupted")
    {WAIT}
cli.main = run
program.main()
"""
IN_STRING = f"""
def run(arguments=None):
    try:
        eval("[press(), sum(range(10**6))]")
    except KeyboardInterrupt:
        print("a string was interrupted")
        raise
    {WAIT}
cli.main = run
program.main()
"""
AS_CAUSE = """
def app(**options):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error
cli.app = app
program.main()
"""
IN_PREPARATION = """
cli._prepare_streams = press
program.main()
"""
AFTER_THE_COMMAND = """
import atexit
def run(arguments=None):
    atexit.register(lambda: (press(), time.sleep(30)))
    sys.exit(0)
cli.main = run
program.main()
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script from a file: the interrupt waits for the end of what a string holds."""
    (folder / "script.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "script.py", str(Path(__file__).parents[1])]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends a process on Windows")
@pytest.mark.parametrize("script", [IN_DESTRUCTOR, IN_IMPORT, IN_STRING, AS_CAUSE, IN_PREPARATION, AFTER_THE_COMMAND])
def test_ctrl_c_is_one_line(script: str, tmp_path: Path) -> None:
    """Exit code 130 and nothing else on the screen."""
    ran = run(START + script, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "edgewbc: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="background jobs of a POSIX shell")
def test_a_background_job_goes_on_ignoring_ctrl_c(tmp_path: Path) -> None:
    """Where SIGINT was ignored at the start, it stays so."""
    script = START.replace("signal.default_int_handler", "signal.SIG_IGN") + (
        "def run(arguments=None):\n    press()\n    print('done')\ncli.main = run\nprogram.main()\n"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parents[1])]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
