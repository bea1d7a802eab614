"""Output that all commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.cli import console


def test_results_are_on_stdout_and_messages_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A result can be piped while messages are shown."""
    console.emit({"name": "Zelle (groß)", "n": 1})
    console.say("one moment")
    console.wrote(Path("a.csv"))
    assert capsys.readouterr() == ('{\n "name": "Zelle (groß)",\n "n": 1\n}\n', "one moment\nwrote a.csv\n")


def test_numbers_that_json_does_not_have_are_refused() -> None:
    """Other programs could not read them."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.emit(float("nan"))


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """The items pass through."""
    assert list(console.progress(iter("abc"), "letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_says_how_to_start_again(capsys: pytest.CaptureFixture[str]) -> None:
    """And remains an interrupt."""
    with pytest.raises(KeyboardInterrupt), console.restartable():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "nothing was written; run the same command to start again\n"
