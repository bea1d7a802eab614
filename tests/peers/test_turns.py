"""peerbench.turns: who is measured when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerbench.turns import Runner, Turn, take


class Recorder:
    """Notes who was asked for what, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Turn]] = []

    def runner(self, name: str, tmp_path: Path, fails: int | None = None) -> Runner:
        def execute(turn: Turn) -> dict[str, Any]:
            self.asked.append((name, turn))
            if fails == sum(asked == name for asked, _ in self.asked):
                return {"error": "enough"}
            return {"batch": 8, "turn": len(self.asked)}

        return Runner({}, ("a",), execute, tmp_path / f"{name}.npy")


TURN = Turn("latency", 0.1, (1, 8), 2)


def test_every_other_round_goes_backwards(tmp_path: Path) -> None:
    """A B, B A, A B: latency and throughput of each, and the pictures are answered once."""
    record = Recorder()
    runners = [record.runner(name, tmp_path) for name in "AB"]
    take(runners, 3, TURN)
    order = [name + turn.mode[0] for name, turn in record.asked]
    assert order == ["Al", "At", "Bl", "Bt", "Bt", "Bl", "At", "Al", "Al", "At", "Bl", "Bt"]
    assert [name for name, turn in record.asked if turn.predictions] == ["A", "B"]
    assert [len(runner.latency) for runner in runners] == [3, 3] == [len(runner.throughput) for runner in runners]
    assert all(turn.threads == 2 for _, turn in record.asked)


def test_the_batch_of_the_first_round_is_kept(tmp_path: Path) -> None:
    """Later rounds measure one size, and do not look for the best again."""
    record = Recorder()
    take([record.runner("A", tmp_path)], 2, TURN)
    assert [turn.batches for _, turn in record.asked if turn.mode == "throughput"] == [(1, 8), (8,)]


def test_who_failed_has_no_further_turns(tmp_path: Path) -> None:
    """B fails in its second turn: it is asked twice, and A goes on."""
    record = Recorder()
    runners = [record.runner("A", tmp_path), record.runner("B", tmp_path, fails=2)]
    take(runners, 2, TURN)
    assert [runner.error for runner in runners] == [None, "enough"]
    assert [name for name, _ in record.asked].count("B") == 2
    assert len(runners[0].throughput) == 2
