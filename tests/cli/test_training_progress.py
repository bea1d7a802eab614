"""Progress of a training in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.cli import training_progress
from edgewbc.cli.training_progress import TrainingProgress
from edgewbc.errors import UserError
from edgewbc.train.history import EpochResult

RESULT = EpochResult(1, "grouped", 1e-3, 0.25, 0.5, 20, 18, 0.9, (0.699, 0.972), 0.88, 30.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (700, "12 min"), (12_000, "3 h 20 min"), (7_260, "2 h 01 min")]
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    """Seconds, minutes, or hours and minutes."""
    assert training_progress._duration(seconds) == words


def test_an_epoch_is_a_line_with_the_time_that_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses, accuracy with its count and protocol; the rest is estimated from the mean epoch; the last has none."""
    monkeypatch.setattr(TrainingProgress, "_draw", lambda *_: None)
    shown = TrainingProgress()
    shown.opened(tmp_path, 4)
    shown.report(RESULT)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        "epoch 1: train loss 0.2500, validation loss 0.5000, validation accuracy 90.00% (18 of 20, protocol grouped), "
        "30 s, at most 2 min left"
    )
    shown.report(EpochResult(**{**vars(RESULT), "epoch": 4}))
    assert "left" not in capsys.readouterr().err


def test_an_interrupt_prints_how_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    """The message comes with the interrupt; one without a message prints nothing."""
    for message, printed in (("resume it with x", "resume it with x\n"), ("", "")):
        with pytest.raises(KeyboardInterrupt), TrainingProgress().interruptible():
            raise KeyboardInterrupt(message)
        assert capsys.readouterr().err == printed


def test_only_the_first_of_several_processes_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are silent."""
    assert TrainingProgress().first
    monkeypatch.setenv("RANK", "1")
    assert not TrainingProgress().first


def test_an_unknown_tracker_is_refused() -> None:
    """Before the training starts."""
    with pytest.raises(UserError, match="nothing"):
        TrainingProgress(["nothing"])
