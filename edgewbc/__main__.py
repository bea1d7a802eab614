"""The program: the command `edgewbc`, and `python -m edgewbc`. Ctrl-C ends it with one line, at any moment."""

import _thread
import atexit
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from edgewbc._startup import collect_rarely

INTERRUPTED = 130
"""The same as in `edgewbc.errors`; nothing of the package is imported before Ctrl-C is handled."""

AGAIN = 0.05
"""Seconds after which an interrupt that came at a bad moment is repeated."""


def main() -> None:
    """Run the command line of this process and exit."""
    collect_rarely()
    heeds_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # background jobs ignore them
    if heeds_interrupts:
        # Registered first, it runs last. After that, Python would let the signal end the process without its exit code.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        sys.unraisablehook = _repeat_dropped
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from edgewbc.cli.main import main as run  # takes most of the time of a short command

        run()
    except KeyboardInterrupt:
        _say()
        sys.exit(INTERRUPTED)
    finally:
        if heeds_interrupts:
            signal.signal(signal.SIGINT, _leave)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but not within an import or an evaluated string: their end is waited for.

    An interrupted import would leave half a module behind; that of a C extension ends with another error (pybind11:
    "ImportError: initialization failed"), which libraries take to mean that an optional dependency is not installed.
    After an interrupt in `exec` or `eval` of a string, CPython ends with the signal instead of an exit code, even if
    the exception is caught.
    """
    while frame is not None and frame.f_code is not main.__code__:
        if frame.f_code.co_filename.startswith(("<frozen importlib", "<string>")):
            _repeat_soon()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _repeat_soon() -> None:
    """Interrupt the main thread, which calls this, in a moment."""
    _thread.start_new_thread(_repeat, (AGAIN, _thread.get_ident()))


def _repeat(seconds: float, thread: int) -> None:
    """Interrupt the main thread after some seconds; also if it waits for something."""
    time.sleep(seconds)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _repeat_dropped(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat an interrupt that was raised in a destructor or a callback, where Python drops exceptions."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _repeat_soon()  # at once would be within this function, and dropped as well
    else:
        sys.__unraisablehook__(unraisable)


def _leave(signum: int, frame: FrameType | None) -> None:
    """End the process at once: its command has ended already."""
    _say()
    os._exit(INTERRUPTED)


def _say() -> None:
    """Report the interrupt; `sys.stderr` may not be ready yet, or no longer."""
    with suppress(OSError):
        os.write(2, b"edgewbc: interrupted\n")


if __name__ == "__main__":
    main()
