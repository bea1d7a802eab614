"""Tests of edgewbc.compress.nncf_logging."""

from __future__ import annotations

import logging

import pytest

from edgewbc.compress.nncf_logging import quiet_nncf


def test_stdout_stays_clean(capfd: pytest.CaptureFixture[str]) -> None:
    """Output within the block does not reach stdout, later output does."""
    capfd.readouterr()
    with quiet_nncf() as nncf:
        print("a bar")
        assert hasattr(nncf, "quantize")
    print("a result")
    assert capfd.readouterr().out == "a result\n"


def test_logger_class_is_restored() -> None:
    """Loggers made afterwards are of Python's class, not NNCF's."""
    before = logging.getLoggerClass()
    with quiet_nncf():
        pass
    assert logging.getLoggerClass() is before
    assert type(logging.getLogger("edgewbc.tests.made.after")).__module__ == "logging"
