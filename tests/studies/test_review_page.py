"""The study of the page's smoothness, on a small case."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import review_page
from bench.review_page import Times
from edgewbc.utils.browser import find_browser
from edgewbc.utils.files import read_json


def test_times() -> None:
    found = Times.of([1.0, 2.0, 3.0, 10.04])
    assert (found.n, found.median, found.p95, found.worst) == (4, 2.5, 9.0, 10.0)
    assert str(found) == "median 2 ms, 95 % within 9 ms, worst 10 ms (n = 4)"
    with pytest.raises(ValueError, match="nothing was measured"):
        Times.of([])


@pytest.mark.skipif(find_browser() is None, reason="there is no Chromium, Chrome or Edge on this computer")
def test_a_small_case_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "review.json"
    arguments = ["--cells", "24", "--loads", "1", "--frames", "8", "--keys", "2", "--out", str(out)]
    assert review_page.main(arguments) == 0
    values = read_json(out, "a result")
    assert (values["cells"], values["first_paint"]["n"], values["frame"]["n"], values["key_saved"]["n"]) == (
        24,
        1,
        6,
        2,
    )
    assert 0 < values["first_paint"]["median"] <= values["all_images"]["median"]
    assert "key to disk" in capsys.readouterr().out
