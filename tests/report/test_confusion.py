"""edgewbc.report.confusion: the picture of a confusion matrix."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edgewbc.metrics import score
from edgewbc.report.confusion import draw
from tests.utils.test_text import RESULT


def test_picture_is_written_whole(tmp_path: Path) -> None:
    """A PNG of a readable size, dark where the model is right and light where there is nothing."""
    pytest.importorskip("matplotlib")
    draw(RESULT | score([0, 1], [0, 1], ("a", "b")), tmp_path / "c.png")
    picture = cv2.imread(str(tmp_path / "c.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    assert min(height, width) > 300
    dark = (picture < 100).mean()
    assert 0.05 < dark < 0.6
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]
