"""Tests of edgewbc.runtime.openvino_import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import edgewbc

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from edgewbc.runtime.openvino_import import openvino
ov = openvino()
assert "openvino.tools.ovc" not in sys.modules
assert ov is openvino() is sys.modules["openvino"]
try:
    ov.no_such_thing
except AttributeError as error:
    assert "no_such_thing" in str(error)
else:
    raise AssertionError
assert ov.convert_model.__name__ == "convert_model"
assert "openvino.tools.ovc" in sys.modules
from openvino import convert_model
assert convert_model is ov.convert_model
"""


def test_converter_is_imported_on_first_access() -> None:
    """OpenVINO is imported without its converter, which can still be used later in the same process."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(edgewbc.__file__).parents[1])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr


INTERRUPTED_SCRIPT = """
import os, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
from edgewbc.runtime.int8_speedup import synthetic
first, second = synthetic(int8=False), synthetic(int8=False)
del first
del second
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_models_were_freed_in_order() -> None:
    """The CPU plugin is loaded once: unloading it twice would leave the thread without a stack for signal handlers."""
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_SCRIPT, str(Path(edgewbc.__file__).parents[1])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout) == (0, "interrupted\n"), ran.stderr


def test_libraries_receive_the_one_core() -> None:
    """`openvino.Core()` within `only_core` is that of the process; afterwards, or after an error, it is a new one."""
    from edgewbc.runtime.openvino_import import core, only_core, openvino

    module = openvino()
    made = module.Core
    with only_core():
        assert module.Core() is core() is module.Core()
    assert module.Core is made
    with pytest.raises(ZeroDivisionError), only_core():
        raise ZeroDivisionError
    assert module.Core is made


def test_the_package_makes_no_core_of_its_own() -> None:
    """Every module takes the one of `openvino_import.core`."""
    package = Path(edgewbc.__file__).parent
    makers = [path.name for path in package.rglob("*.py") if re.search(r"\bCore\(\)", path.read_text("utf-8"))]
    assert makers == ["openvino_import.py"]


def test_first_use_is_serialized() -> None:
    """Blocks run one at a time until one has succeeded, and in parallel afterwards."""
    import threading

    from edgewbc.runtime.openvino_import import first_use

    name = "a library of this test"
    inside, most, firsts = 0, 0, list[bool]()
    lock = threading.Lock()

    def use(fail: bool) -> None:
        nonlocal inside, most
        try:
            with first_use(name) as first:
                with lock:
                    inside += 1
                    most = max(most, inside)
                    firsts.append(first)
                threading.Event().wait(0.01)
                with lock:
                    inside -= 1
                if fail:
                    raise OSError("no such library")
        except OSError:
            pass

    def together(count: int, fail: bool) -> None:
        threads = [threading.Thread(target=use, args=(fail,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    together(4, fail=True)
    assert (most, firsts) == (1, [True] * 4)
    firsts.clear()
    together(4, fail=False)
    assert firsts == [True, False, False, False]  # a thread that comes late need not wait for those that waited
    meeting = threading.Barrier(2, timeout=30)

    def meet() -> None:
        with first_use(name):
            meeting.wait()

    threads = [threading.Thread(target=meet) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not meeting.broken
