"""The card of a data set as one HTML page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.data import card
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.report import data_card
from tests.tiny import encode, make_image


def test_page(tmp_path: Path) -> None:
    """The page holds the images and fetches nothing; names are escaped; the folder is not overwritten."""
    for number in range(24):
        label, slide = ("a<b> & c", "lymphocyte")[number % 2], number // 4
        image = tmp_path / "images" / label / f"slide{slide}" / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(encode(make_image(number, 24, 20)))
    described = card.describe(make("folder", tmp_path / "images"))
    data_card.write(described, tmp_path / "card", "mine <1>")
    page = (tmp_path / "card" / "card.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 24
    assert "<td>a&lt;b&gt; &amp; c</td><td>8</td>" in page
    assert "mine &lt;1&gt;" in page
    assert "http" not in page
    assert "<script" not in page
    assert json.loads((tmp_path / "card" / "card.json").read_text()) == described.to_json()
    with pytest.raises(UserError, match="exists already"):
        data_card.folder(tmp_path / "card", "x")
    assert "groups: " in data_card.text(described)
