"""The edge suite's table and figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.edge import report
from bench.edge.result import EdgeResult, Timed

TOLD = {"n": 100, "correct": 99, "accuracy": 0.99, "interval": [0.95, 1.0]}
RESULT = {"macs": 1e6, "parameters": 1000, "minutes": 1.0, "validation": {"f32": TOLD, "int8": TOLD}}


def results() -> dict[str, Any]:
    """Three points; the chosen one is pruned and has a twin trained from scratch."""
    points = {
        "lite0-112-100": {"family": "lite0", "size": 112, "keep": 1.0, **RESULT, "macs": 2e8},
        "vgg16gap-80-10": {"family": "vgg16gap", "size": 80, "keep": 0.1, **RESULT, "macs": 2e6},
        "vgg16gap-64-10": {"family": "vgg16gap", "size": 64, "keep": 0.1, **RESULT, "scratch": RESULT},
    }
    rows = [{"model": key, "precision": "int8", "images_per_s": 9.0, "speedup": 450.0, "size_mb": 1.5}
            for key in points]  # fmt: skip
    return {
        "protocol": "published", "reference": {"accuracy": 0.98, "correct": 98, "n": 100}, "bar": 0.977,
        "points": points, "chosen": {"vgg16gap": "vgg16gap-64-10"}, "bench": {"rows": rows},
    }  # fmt: skip


def test_one_row_per_point_and_one_for_the_twin() -> None:
    """Points are sorted by multiply-adds, the chosen one is marked with its twin below; the protocol is named."""
    text = report.markdown(EdgeResult.from_json(results()))
    lines = text.splitlines()[2:6]
    assert [line.split(" | ")[0] for line in lines] == [
        "| EfficientNet-Lite0", "| VGG16-GAP (chosen)", "| same shape, trained from random weights",
        "| VGG16-GAP",
    ]  # fmt: skip
    assert "| VGG16-GAP (chosen) | 64 | 10 % | 1.0 | 1,000 | 1.50 | 99.00 % | 99.00 % (99 of 100) |" in lines[1]
    assert "450x" in lines[1]
    assert "450x" not in lines[2]
    assert "Protocol `published`, validation" in text
    assert "98 of 100" in text


def test_points_that_were_not_timed_have_no_speed() -> None:
    """A row of another precision is not used instead."""
    told = results()
    told["bench"]["rows"] = [row | {"precision": "f32"} for row in told["bench"]["rows"]]
    assert EdgeResult.from_json(results()).networks["vgg16gap-64-10"].timed == Timed(450.0, 1.5)
    found = EdgeResult.from_json(told)
    assert found.networks["vgg16gap-64-10"].timed is None
    assert "450x" not in report.text(found)


def test_the_same_figure_has_the_same_bytes(tmp_path: Path) -> None:
    """The axis label names the baseline of the ratio."""
    report.draw(EdgeResult.from_json(results()), tmp_path / "front.svg")
    svg = (tmp_path / "front.svg").read_text()
    assert "VGG16-GAP f32 at 224" in svg
    report.draw(EdgeResult.from_json(results()), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == svg
