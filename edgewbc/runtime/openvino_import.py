"""Import OpenVINO without its model converter, which takes a third of the import time and the lab does not need.

A process has one `Core`, from `core`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CONVERTER = "openvino.tools.ovc"

_first_use = threading.RLock()
_one_core = threading.Lock()
_cores: list[Any] = []
_used: set[str] = set()


@contextmanager
def first_use(library: str) -> Iterator[bool]:
    """Serialize the block until a C extension has been used once; afterwards this costs nothing.

    C extensions fill static tables on first use, behind a lock of their own. If one thread releases the interpreter
    lock inside, and another thread that holds the interpreter lock waits for the table, both wait forever (seen with
    OpenVINO 2026.4 at the first conversion of an array, in two threads). The block must therefore exercise everything
    that other threads are going to use: compile, infer, read the result.

    Args:
        library: name of the extension, such as `openvino`.

    Yields:
        whether this is the first use. It stays the first until a block ends without an exception.
    """
    if library in _used:
        yield False
        return
    with _first_use:
        yield library not in _used
        _used.add(library)


def openvino() -> Any:
    """Return the module `openvino`; its `convert_model` is imported on first access.

    The package imports its converter last, and works without it if the import fails (as of 2026.4).
    """
    if "openvino" in sys.modules or CONVERTER in sys.modules:
        import openvino as module

        return module
    sys.modules[CONVERTER] = None  # type: ignore[assignment]
    try:
        import openvino as module
    finally:
        del sys.modules[CONVERTER]
    if not hasattr(module, "convert_model"):
        module.__getattr__ = _import_converter
    return module


def core() -> Any:
    """Return the `openvino.Core` of this process, which is made on first use and lives as long as the process.

    Each `Core` loads the CPU plugin anew, which gives the thread that loads it an alternate stack for signal handlers.
    If two of them are freed in the order they were made, the thread is left with the stack of the first one, whose
    memory is gone (OpenVINO 2026.4, Linux): the next signal, such as Ctrl-C, ends the process with SIGSEGV.
    """
    with _one_core:
        if not _cores:
            _cores.append(openvino().Core())
        return _cores[0]


@contextmanager
def only_core() -> Iterator[None]:
    """Let libraries that make a `Core` of their own, such as NNCF for every model it runs, receive that of `core`.

    They free theirs in any order, after which Ctrl-C would end the process with SIGSEGV (see `core`).
    """
    module = openvino()
    one, before = core(), module.Core
    module.Core = lambda: one
    try:
        yield
    finally:
        module.Core = before


def capabilities() -> list[str]:
    """Return what OpenVINO can compute in on this CPU, such as BF16; INT8 is listed for every CPU."""
    return [str(name) for name in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")]


def _import_converter(name: str) -> Any:
    if name != "convert_model":
        raise AttributeError(f"module 'openvino' has no attribute {name!r}")
    import openvino as module
    from openvino.tools.ovc import convert_model

    module.convert_model = convert_model
    return convert_model
