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


def test_a_name_cannot_break_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor color the terminal; lines of a message stay lines."""
    console.say("one\n\x1b[31mtwo")
    console.left_out([(Path(f"{number}\n.png"), "not an image") for number in range(12)])
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["one", r"\x1b[31mtwo", r"left out: 0\n.png: not an image"]
    assert lines[-1] == "and 2 more"
    assert len(lines) == 13


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
