"""Import of NNCF without side effects: it prints, draws bars on stdout and replaces Python's logger class."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

from edgewbc.utils.optional import need


class _Stderr:
    """Writes to the current sys.stderr; a stream that was stored earlier may be closed by then."""

    def write(self, text: str) -> None:
        """Write text."""
        sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        sys.stderr.flush()


@contextlib.contextmanager
def quiet_nncf() -> Iterator[Any]:
    """Yield the module `nncf`; within the block its bars are drawn on stderr, if that is a terminal.

    Raises:
        UserError: NNCF is not installed.
    """
    before = logging.getLoggerClass()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # imported by NNCF; it warns without CUDA
    # The first import must be inside the block: NNCF's log handler stores the stdout that it finds.
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        nncf = need("nncf", "quantizing")
        logging.setLoggerClass(before)  # importing NNCF sets its own class for all new loggers
        for handler in logging.getLogger("nncf").handlers:
            if type(handler) is logging.StreamHandler:  # NNCF's own handler, not one of the application
                handler.stream = _Stderr()
        nncf.set_log_level(logging.ERROR)
        yield nncf
