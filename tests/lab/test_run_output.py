"""The rows of a run: the table, its summary, and JSON on stdout."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab import run_output
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.classify_request import ClassifyRequest
from edgewbc.lab.run_output import ClassifySummary
from edgewbc.lab.session import run
from edgewbc.lab.thresholds import ReviewThresholds
from tests.lab.test_session import classify, smears

__all__ = ["classify", "smears"]


def test_the_summary_is_of_the_table(classify: Callable[..., ClassifySummary], smears: Path, bundle: Bundle) -> None:
    """It is written after the table, holds its hash, and tells of copies; a second run gives the same counts."""
    (smears / "a" / "copy.png").write_bytes((smears / "a" / "0.png").read_bytes())
    (smears / "a" / "x.heic").touch()
    out = Path("a.csv")
    for _ in range(2):
        classify("a", out=out, thresholds=ReviewThresholds(0.0))
        told = json.loads(Path("a.summary.json").read_text(encoding="utf-8"))
        assert told["results_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
        assert told["statuses"] == {"ok": 4, "review": 0, "unfamiliar": 0, "error": 0}
        copies = {"images": 1, "originals": 1, "counted": 2}
        copies["examples"] = [{"path": str(Path("a/copy.png")), "same_as": str(Path("a/0.png"))}]  # type: ignore[assignment]
        assert told["differential"]["copies"] == copies
        assert (told["model"], told["model_sha256"]) == ("tiny", bundle.model_sha256())
        assert told["settings"]["review_below"] == 0.0
        assert told["left_out"] == {".heic": 1}
        assert told["journal"] == "a.csv.journal"
        assert told["classified"]["first"] <= told["classified"]["last"] <= told["written"]


def test_json_is_written_whole_or_not_at_all(smears: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a table there is no journal; the text waits in memory, or in a temporary file if there is much of it."""
    request = ClassifyRequest([Path("a")], threads=1, as_json=True)
    texts = []
    for held in (1 << 20, 100):
        monkeypatch.setattr(run_output, "HELD", held)
        out = io.StringIO()
        run(request, lambda: bundle, out, say=lambda line: None)
        texts.append(out.getvalue())
    assert texts[0] == texts[1]
    told = json.loads(texts[0])
    assert [row["path"] for row in told["rows"]] == [str(Path("a") / f"{seed}.png") for seed in range(3)]
    assert told["differential"]["pictures"] == 3

    def fail(model: LoadedBundle, results: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(LoadedBundle, "finished", fail)
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        run(request, lambda: bundle, out, say=lambda line: None)
    assert out.getvalue() == ""


def test_a_link_is_written_through(classify: Callable[..., ClassifySummary], smears: Path) -> None:
    """A results file that is a link stays one; its target is written."""
    (smears / "share").mkdir()
    Path("rows.csv").symlink_to(Path("share") / "real.csv")
    for _ in range(2):
        classify("a", out=Path("rows.csv"))
    assert Path("rows.csv").is_symlink()
    assert len((smears / "share" / "real.csv").read_text().splitlines()) == 4


def test_what_is_left_out_is_in_the_json(smears: Path, bundle: Bundle) -> None:
    """Files by suffix, and the folders that are not searched, on stdout and in the summary next to the table."""
    (smears / "a" / "x.heic").touch()
    (smears / "a" / ".thumbs").mkdir()
    out = io.StringIO()
    request = ClassifyRequest([Path("a")], threads=1, as_json=True, out=Path("a.csv"))
    run(request, lambda: bundle, out, say=lambda line: None)
    for told in (json.loads(out.getvalue()), json.loads(Path("a.summary.json").read_text(encoding="utf-8"))):
        assert told["left_out"] == {".heic": 1}
        assert told["not_searched"] == [str(Path("a/.thumbs"))]
