"""NNCF without its noise: it prints, draws bars on stdout and takes over Python's logging when it is imported."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

from edgewbc.utils.optional import need


class _Stderr:
    """Whatever stderr is when something is written to it; a stream that is kept may be closed by then."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


@contextlib.contextmanager
def quiet_nncf() -> Iterator[Any]:
    """Give the module `nncf`; within the block its bars are drawn on stderr, and only where that is a terminal.

    Raises:
        UserError: NNCF is not installed.
    """
    before = logging.getLoggerClass()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # NNCF imports it; it looks for CUDA
    # The first import must stand in the block too: NNCF's log handler keeps the stdout that it finds.
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        nncf = need("nncf", "quantizing")
        logging.setLoggerClass(before)  # importing NNCF makes every logger of this process one of its own
        for handler in logging.getLogger("nncf").handlers:
            if type(handler) is logging.StreamHandler:  # NNCF's own, and no one else's
                handler.stream = _Stderr()
        nncf.set_log_level(logging.ERROR)
        yield nncf
