"""The table and the figure of the peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.peers import report
from bench.peers.result import PeersResult


def row(peer: str, model: str, speed: float, correct: int, **more: Any) -> dict[str, Any]:
    """A row as `python -m bench.peers` writes it, with the keys that the table reads."""
    found = {
        "ours": peer == "edgewbc", "peer": peer, "model": model, "input": [64, 64], "backend": "openvino",
        "arch": "edgenet" if peer == "edgewbc" else None,
        "precision": "int8", "images_per_s": speed, "latency_ms": {"p50": 0.2}, "size_mb": 0.5, "n": 1000,
        "correct": correct, "accuracy": correct / 1000, "interval": [correct / 1000 - 0.01, correct / 1000 + 0.004],
        "speed": None if model == "wbc5-edge" else {"ratio": speed / 8000},
        "mcnemar": None if model == "wbc5-edge" else {"p": 0.0123}, "minutes": 21.4, "same_network": None,
    }  # fmt: skip
    return found | more


def results() -> dict[str, Any]:
    """Ours, a slower and less accurate peer, one with our weights, and one that could not be installed."""
    same = {
        "against": {"model": "lite0", "backend": "openvino", "precision": "f32"},
        "agreement": 1.0,
        "largest_difference": 1.2e-7,
    }
    return {
        "machine": {"cpu": "a CPU", "cores": 2},
        "data": {"source": "pbc", "protocol": "published", "split": "test", "n": 1000},
        "protocol": {"rounds": 3, "seconds": 2.0},
        "rows": [
            row("edgewbc", "wbc5-edge", 8000, 996),
            row("ultralytics", "yolo11n-cls 64", 4000, 950),
            row("timm", "lite0", 800, 998, precision="f32", same_network=same, unsteady=["images_per_s"]),
            {"ours": False, "peer": "torchvision", "model": "x", "precision": "int8", "error": "has no such network"},
        ],
    }


def test_one_line_per_row_with_reasons_for_missing_ones() -> None:
    """Ratios are relative to ours, a wide spread is marked, and missing rows have a reason."""
    text = report.table(PeersResult.from_json(results()))
    lines = text.splitlines()
    assert "| edgewbc | wbc5-edge | 64 x 64 | openvino | int8 | 8000 | 1 | 0.20 | 0.50 | 996 of 1000 |" in lines[2]
    assert "| 4000 | 0.5 |" in lines[3]
    assert lines[3].endswith("| 95.00 % | 94.00-95.40 % | 0.012 | 21 |")
    assert "| 800! | 0.1 |" in lines[4]
    assert "Not measured: torchvision, x, int8: has no such network." in text
    assert "protocol `published`, test, n = 1000" in text
    assert lines[-1] == "| timm | lite0 | openvino f32, 64 x 64 | openvino f32 | 1.2e-07 | 100.00 % |"


def test_unmeasured_network_has_one_reason() -> None:
    """The reason is given once if it is the same for all precisions."""
    told = results()
    told["rows"].append({**told["rows"][-1], "precision": "f32"})
    text = report.table(PeersResult.from_json(told))
    assert text.count("Not measured") == 1
    assert "Not measured: torchvision, x, int8 and f32: has no such network." in text


def test_the_same_figure_has_the_same_bytes(tmp_path: Path) -> None:
    """A legend entry for each toolkit, once; the row without figures is not on it."""
    told = results()
    told["rows"].append(row("ultralytics", "yolo11n-cls 80", 3000, 960))
    report.draw(PeersResult.from_json(told), tmp_path / "front.svg")
    svg = (tmp_path / "front.svg").read_text()
    assert svg.count("Ultralytics") == 1
    assert "torchvision" not in svg
    report.draw(PeersResult.from_json(told), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == svg
