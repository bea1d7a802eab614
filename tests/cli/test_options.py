"""Numbers as people type them."""

from __future__ import annotations

import pytest
import typer

from edgewbc.cli.options import decimal


@pytest.mark.parametrize(("text", "value"), [("7.2", 7.2), ("7,2", 7.2), ("12", 12.0)])
def test_a_decimal_comma_is_read(text: str, value: float) -> None:
    """As analyzers of many countries print it."""
    assert decimal(text) == value


@pytest.mark.parametrize("text", ["1,234.5", "1,2,3", "seven", ""])
def test_other_numbers_are_refused(text: str) -> None:
    """A comma between thousands could be meant otherwise."""
    with pytest.raises(typer.BadParameter, match="is not a number such as 7.2 or 7,2"):
        decimal(text)
