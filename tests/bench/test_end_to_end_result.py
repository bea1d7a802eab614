"""edgewbc.bench.end_to_end_result: the result as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.bench.end_to_end_result import EndToEndResult
from edgewbc.bench.process_metrics import MemoryUse
from edgewbc.errors import UserError

LAB = Path(__file__).parents[2] / "bench" / "results" / "lab.json"


def test_published_result_reads_back() -> None:
    """The JSON of the published result is reproduced exactly, and the typed values are those of the file."""
    values = json.loads(LAB.read_text(encoding="utf-8"))
    found = EndToEndResult.read(LAB)
    assert found.to_json() == values
    assert (found.bundle, found.data.n, found.speed.ratio) == ("wbc5-edge", 1547, values["ratio"])
    assert found.cold_start is not None
    assert found.cold_start.median == values["cold_start_s"]["median"]
    assert found.memory == MemoryUse.from_json(values["memory"])


def test_other_files_are_refused(tmp_path: Path) -> None:
    """One line names the file and what was expected."""
    for text in ("{}", "[]", '{"machine": 1}'):
        (tmp_path / "o.json").write_text(text)
        with pytest.raises(UserError, match=r"o\.json: is damaged, or is not a result of `edgewbc bench --end-to-end"):
            EndToEndResult.read(tmp_path / "o.json")
