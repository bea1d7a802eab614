"""Tests of edgewbc.export.golden."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from edgewbc.bundle.paths import GOLDEN
from edgewbc.export import golden
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from tests.tiny_run import quantized

SPEC = PixelSpec(32, 36, "centre", 36)


def test_two_of_each_class_larger_than_the_crop(tmp_path: Path) -> None:
    """Two images a class, named for it, a tenth larger than what the network sees of them."""
    names = golden.draw(tmp_path, ("neutrophil", "basophil"), SPEC)
    assert names == [
        "golden/00-neutrophil.png",
        "golden/01-basophil.png",
        "golden/02-neutrophil.png",
        "golden/03-basophil.png",
    ]
    assert {cv2.imread(str(tmp_path / name)).shape for name in names} == {(40, 40, 3)}
    seen = golden.read(tmp_path, names, SPEC)
    assert (seen.shape, seen.dtype) == ((4, 32, 36, 3), np.uint8)
    assert len({hashlib.sha256(image.tobytes()).hexdigest() for image in seen}) == 4


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    """Golden images can be drawn again, byte for byte."""
    for part in ("a", "b"):
        names = golden.draw(tmp_path / part, ("monocyte",), SPEC)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_class_that_is_not_of_the_differential_is_drawn_too(tmp_path: Path) -> None:
    """Unknown names, spaces and slashes give plain file names."""
    assert golden.draw(tmp_path, ("blast cell/x", "é"), SPEC, each=1) == [
        "golden/00-blast-cell-x.png",
        "golden/01--.png",
    ]


def test_expected_is_what_the_saved_files_say(tmp_path: Path) -> None:
    """expected.json names each image and its hash, and holds the answers of each precision to seven digits."""
    run, manifest = quantized()
    names = golden.draw(tmp_path, manifest.classes, SPEC, each=1)
    irs = {precision: run / "openvino" / f"{precision}.xml" for precision in ("int8", "f32")}
    golden.expect(tmp_path, names, SPEC, irs)
    told = json.loads((tmp_path / GOLDEN).read_text())
    assert told["format"] == 1
    assert [sample["file"] for sample in told["samples"]] == names
    for sample, image in zip(told["samples"], golden.read(tmp_path, names, SPEC), strict=True):
        assert sample["sha256"] == hashlib.sha256((tmp_path / sample["file"]).read_bytes()).hexdigest()
        assert list(sample["expected"]) == ["int8", "f32"]
        for precision, xml in irs.items():
            answer = OpenVINOPredictor(xml.read_bytes(), xml.with_suffix(".bin").read_bytes())(image[None])
            wanted = sample["expected"][precision]
            np.testing.assert_allclose(wanted["probabilities"], answer.probabilities[0], rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(wanted["features"], answer.features[0], rtol=1e-5, atol=1e-5)
