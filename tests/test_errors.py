"""Exit codes of errors."""

from __future__ import annotations

import pytest

from edgewbc.errors import GateError, StalledError, UserError, exit_code


@pytest.mark.parametrize(("error", "code"), [(UserError, 2), (GateError, 3), (StalledError, 1)])
def test_an_error_is_one_line_with_its_exit_code(
    error: type[UserError | GateError | StalledError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message goes to stderr; results on stdout stay as they are."""

    def fail() -> None:
        raise error("a.csv: no such file")

    assert exit_code(fail) == code
    assert capsys.readouterr() == ("", "a.csv: no such file\n")


def test_bugs_are_not_hidden() -> None:
    """Success is 0, and any other exception is raised."""
    assert exit_code(lambda: None) == 0
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)
