"""Tests of `edgewbc.report.confusion`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edgewbc.metrics import score
from edgewbc.report.confusion import draw
from tests.evaluation.results import RESULT


def test_png_of_a_confusion_matrix(tmp_path: Path) -> None:
    """A PNG of a readable size, dark on the diagonal and light where no image was counted."""
    pytest.importorskip("matplotlib")
    draw(replace(RESULT, **vars(score([0, 1], [0, 1], ("a", "b")))), tmp_path / "c.png")
    image = cv2.imread(str(tmp_path / "c.png"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    height, width = image.shape
    assert min(height, width) > 300
    dark = (image < 100).mean()
    assert 0.05 < dark < 0.6
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]
