"""Tests of edgewbc.kit.guide."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from edgewbc.kit import guide
from tests.kit.conftest import Made

VOID = {"meta", "img", "br", "path", "rect", "circle"}


class Page(HTMLParser):
    """Collects the text and references of a page, and checks that elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.references: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("which", ["windows", "linux"])
def test_guide_is_self_contained(which: str, request: pytest.FixtureRequest) -> None:
    """It is well-formed HTML under 40 kB, without external references, scripts or unfilled placeholders."""
    text = (request.getfixturevalue(which).folder / "guide.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(reference.startswith("data:image/jpeg;base64,") for reference in page.references)
    assert len(page.references) == 3
    assert not re.search(r"https?:|//\w|<script|@import|url\(", re.sub(r'base64,[^"]+', "", text))
    assert not re.search(r"@[A-Z_]+@", text)
    assert len(text) < 40_000


def test_guide_explains_installation_and_review(windows: Made, linux: Made) -> None:
    """It has installation, use, review, contact and intended use, with the file names of each system."""
    for made, install, drop in ((windows, "install.bat", "classify.bat"), (linux, "install.sh", "classify.desktop")):
        page = Page()
        page.feed((made.folder / "guide.html").read_text(encoding="utf-8"))
        words = " ".join(" ".join(page.words).split())
        for part in (install, f"Drag the folder of images onto {drop}", "READY", "NOT READY", "engineer of this lab"):
            assert part in words
        assert "not a medical device" in words
        assert "What “review” means" in words
        assert "a person must look at this cell" in words
        assert "neutrophils, lymphocytes, monocytes, eosinophils and basophils" in words
        assert made.kit.facts.model.sha256[:12] in words
    assert "Python 3.12 or 3.13 (64 bit)" in (windows.folder / "guide.html").read_text(encoding="utf-8")
    assert "Visual C++ Redistributable" in (windows.folder / "guide.html").read_text(encoding="utf-8")


def test_example_cells_are_reproducible_and_one_is_blurred() -> None:
    """Three images are drawn, the same each time; the one for review has less than half the detail of the others."""
    rows_html = guide.rows()
    assert rows_html == guide.rows()
    sharpness = []
    for encoded in re.findall(r"base64,([^\"]+)", rows_html):
        image = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert image.shape == (guide.SIZE, guide.SIZE)
        sharpness.append(cv2.Laplacian(image, cv2.CV_64F).var())
    assert sharpness[2] < 0.5 * min(sharpness[:2])


def test_values_are_escaped() -> None:
    """HTML in a model's name or in a class is escaped."""
    values = guide.values({"MODEL": "<b>&"}, ["x", "y<"])
    assert values["MODEL"] == "&lt;b&gt;&amp;"
    assert values["CLASSES"] == "xs and y&lt;s"
