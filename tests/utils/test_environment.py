"""Environment variables for the duration of a block."""

from __future__ import annotations

import os

import pytest

from edgewbc.utils.environment import environment


def _fail_within(values: dict[str, str]) -> None:
    with environment(values):
        assert {name: os.environ[name] for name in values} == values
        raise ValueError("in the block")


def test_variables_are_as_before_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was set has its value again, and one that was not set is gone."""
    monkeypatch.setenv("EDGEWBC_TEST_SET", "before")
    monkeypatch.delenv("EDGEWBC_TEST_UNSET", raising=False)
    with pytest.raises(ValueError, match="in the block"):
        _fail_within({"EDGEWBC_TEST_SET": "a", "EDGEWBC_TEST_UNSET": "b"})
    assert os.environ["EDGEWBC_TEST_SET"] == "before"
    assert "EDGEWBC_TEST_UNSET" not in os.environ
