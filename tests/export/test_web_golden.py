"""Tests of edgewbc.export.web_golden: the golden samples that a page holds."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.export.web_golden import PageGolden
from edgewbc.images.decode import decode
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.utils import resources
from tests.tiny import make_bundle


def test_the_first_samples() -> None:
    """The prepared image to the last bit, and what is expected of ONNX Runtime: as many as there are classes."""
    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-edge")
    golden, own = PageGolden.of_bundle(bundle, "int8"), GoldenSamples.from_bundle(bundle)
    assert golden is not None
    assert golden.tolerance == bundle.manifest.onnx_tolerance["int8"]
    assert len(golden.samples) == len(bundle.classes)
    for sample, image, expected in zip(golden.samples, own.images, own.samples, strict=False):
        assert (decode(sample.png).image == image).all()
        assert sample.crc == zlib.crc32(image)
        assert sample.probabilities == expected.expected_onnx["int8"].probabilities
    values = golden.to_json()
    assert sum(one["size"] for one in values["samples"]) == len(golden.files)
    assert golden.files.startswith(golden.samples[0].png)


def test_what_is_not_stated_is_not_invented(tmp_path: Path) -> None:
    """No samples: nothing to reproduce. Samples without an expectation for the precision: an error."""
    bundle = make_bundle(tmp_path / "b")
    assert PageGolden.of_bundle(bundle, "f32") is not None
    with pytest.raises(UserError, match="does not say what is expected of int4"):
        PageGolden.of_bundle(bundle, "int4")
    assert PageGolden.of_bundle(make_bundle(tmp_path / "c", golden={}), "f32") is None
