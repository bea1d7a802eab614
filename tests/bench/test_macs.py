"""edgewbc.bench.macs: multiply-adds counted in the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bench.macs import count
from tests import labelled, tiny


def test_tiny_network_is_counted(tmp_path: Path) -> None:
    """One 3 x 3 convolution of 8 channels at 16 x 16 and a dense layer of 8 to 5; int8 alike."""
    bundle = tiny.make_bundle(tmp_path / "b")
    for precision in ("f32", "int8"):
        xml, weights = (bundle.read(name) for name in bundle.model_files("openvino", precision))
        assert count(xml, weights) == 16 * 16 * 8 * 27 + 8 * 5


def test_converted_network_has_the_count_of_its_architecture(tmp_path: Path) -> None:
    """The graph of a VGG16-GAP has as many multiply-adds as its channel counts say."""
    pytest.importorskip("torch")
    from edgewbc.evaluation.load import convert
    from edgewbc.nets.model import macs

    spec = labelled.make_run(tmp_path / "run")
    convert(tmp_path / "run", tmp_path, "openvino")
    assert count((tmp_path / "f32.xml").read_bytes(), (tmp_path / "f32.bin").read_bytes()) == macs(spec)
