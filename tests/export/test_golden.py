"""Tests of edgewbc.export.golden."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from edgewbc.bundle.paths import GOLDEN
from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.export import golden
from edgewbc.images.decode import decode
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.synth.cells import draw_cell
from tests.tiny_run import quantized

SPEC = PixelSpec(32, 36, "centre", 36)


def test_two_samples_per_class_are_larger_than_the_crop(tmp_path: Path) -> None:
    """File names contain the class; the images are 10 % larger than the crop, and the prepared samples all differ."""
    names = golden.draw(tmp_path, ("neutrophil", "basophil"), SPEC)
    assert names == [
        "golden/00-neutrophil.png",
        "golden/01-basophil.png",
        "golden/02-neutrophil.png",
        "golden/03-basophil.png",
    ]
    assert {decode((tmp_path / name).read_bytes()).image.shape for name in names} == {(40, 40, 3)}
    samples = golden.read(tmp_path, names, SPEC)
    assert (samples.shape, samples.dtype.name) == ((4, 32, 36, 3), "uint8")
    assert len({hashlib.sha256(image.tobytes()).hexdigest() for image in samples}) == 4


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    """The PNG files of two drawings are identical."""
    for part in ("a", "b"):
        names = golden.draw(tmp_path / part, ("monocyte",), SPEC)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_eight_classes_are_drawn_as_what_they_are(tmp_path: Path) -> None:
    """The samples of an eight-class bundle show its classes, and the crop `cell` finds a cell or the center in each."""
    spec = PixelSpec(32, 32, "cell", 80, reference=Reference(25.0, (240.0, 240.0, 238.0), (0.7, 1.0, 0.45)))
    names = golden.draw(tmp_path, (*CLASSES, *OTHER_CLASSES), spec, each=1)
    assert names[5:] == ["golden/05-immature-granulocyte.png", "golden/06-erythroblast.png", "golden/07-platelet.png"]
    for number, label in enumerate((*CLASSES, *OTHER_CLASSES)):
        drawn = draw_cell(label, np.random.default_rng([golden.SEED, number]), size=88)
        np.testing.assert_array_equal(decode((tmp_path / names[number]).read_bytes()).image, drawn)
    assert golden.read(tmp_path, names, spec).shape == (8, 32, 32, 3)


def test_other_classes_get_plain_file_names(tmp_path: Path) -> None:
    """A class that is not a cell type of edgewbc is drawn too; spaces, slashes and accents become hyphens."""
    assert golden.draw(tmp_path, ("blast cell/x", "é"), SPEC, each=1) == [
        "golden/00-blast-cell-x.png",
        "golden/01--.png",
    ]


def test_expected_predictions_are_those_of_the_saved_files(tmp_path: Path) -> None:
    """expected.json has the name, hash and predictions of each sample, rounded to seven digits, for each precision."""
    run, manifest = quantized()
    names = golden.draw(tmp_path, manifest.classes, SPEC, each=1)
    irs = {precision: run / "openvino" / f"{precision}.xml" for precision in ("int8", "f32")}
    golden.expect(tmp_path, names, SPEC, irs)
    content = json.loads((tmp_path / GOLDEN).read_text())
    assert content["format"] == 1
    assert [sample["file"] for sample in content["samples"]] == names
    for sample, image in zip(content["samples"], golden.read(tmp_path, names, SPEC), strict=True):
        assert sample["sha256"] == hashlib.sha256((tmp_path / sample["file"]).read_bytes()).hexdigest()
        assert list(sample["expected"]) == ["int8", "f32"]
        for precision, xml in irs.items():
            prediction = OpenVINOPredictor(xml.read_bytes(), xml.with_suffix(".bin").read_bytes())(image[None])
            expected = sample["expected"][precision]
            np.testing.assert_allclose(expected["probabilities"], prediction.probabilities[0], rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(expected["features"], prediction.features[0], rtol=1e-5, atol=1e-5)
