"""Tests of edgewbc.export.integer_bundle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle, pack, seal
from edgewbc.bundle.paths import GOLDEN
from edgewbc.data.manifest import Manifest, Split
from edgewbc.errors import GateError, UserError
from edgewbc.export import integer_bundle, parity
from edgewbc.export.model_info import describe_onnx
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.selftest import selftest
from edgewbc.utils.files import read_json, write_json
from tests import labeled
from tests.export.qdq_network import network
from tests.export.test_card import ROW, values
from tests.tiny import make_bundle

NAME = "onnx/int8.onnx"


def quantized_bundle(folder: Path, manifest: Manifest) -> Bundle:
    """Write a bundle whose ONNX file is `network`, measured on a manifest, as an earlier release wrote it."""
    proto = network()
    pixels = PixelSpec(8, 8)
    describe_onnx(proto, ModelSpec("vgg16gap", manifest.classes, pixels, (8,), ()))
    model = proto.SerializeToString(deterministic=True)
    written = ("format", "name", "classes", "pixels", "files", "default_precision", "golden")
    make_bundle(folder, **{name: value for name, value in values().items() if name not in written})
    (folder / "onnx").mkdir()
    (folder / NAME).write_bytes(model)
    record = read_json(folder / "manifest.json", "the manifest")
    record["pixels"] |= {"height": 8, "width": 8}
    record["files"] = {"int8": {"onnx": [NAME]}}
    record["default_precision"] = "int8"
    record["evidence"] = [ROW, {**ROW, "backend": "onnx", "sha256": hashlib.sha256(model).hexdigest()}]
    record["data"] = {**record["data"], "manifest_sha256": manifest.sha256}
    record.pop("familiarity", None)
    write_json(folder / "manifest.json", record)
    seal(folder)
    return Bundle.open(folder)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return labeled.make_manifest(tmp_path / "m", n=10, split=Split.VAL)


def test_the_file_is_rewritten_and_measured(tmp_path: Path, manifest: Manifest) -> None:
    """Its evidence, the comparison with the old file, the golden predictions and the checksums are renewed."""
    before = quantized_bundle(tmp_path / "b", manifest)
    expected = integer_bundle.fused(before.read(NAME))
    digest = integer_bundle.make_integer(before.path, manifest)
    bundle = Bundle.open(before.path)
    bundle.verify()
    assert digest == hashlib.sha256(bundle.read(NAME)).hexdigest() != before.sums[NAME]
    assert bundle.read(NAME) == expected
    record: Any = bundle.manifest.to_json()
    assert [row["sha256"] for row in record["evidence"]] == [ROW["sha256"], digest]
    assert (record["evidence"][1]["n"], record["evidence"][1]["split"]) == (10, "val")
    rewritten = record["parity"]["onnx_rewritten"]
    assert (rewritten["from_sha256"], rewritten["images"], rewritten["agreement"]) == (before.sums[NAME], 10, 1.0)
    assert record["int8_share"] == {"onnx": 1.0}
    assert bundle.manifest.onnx_tolerance == {"int8": 0.01}
    changed = {name for name, one in bundle.sums.items() if before.sums[name] != one}
    assert changed == {NAME, GOLDEN, "manifest.json", "CARD.md"}
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert "runs 100.00 % of the multiply-adds of the int8 file as integer operators" in card
    assert integer_bundle.make_integer(bundle.path, manifest) is None


def test_selftest_compares_onnx_runtime_with_its_own_predictions(tmp_path: Path, manifest: Manifest) -> None:
    """A deviation of 0.05, which is usual between backends, fails."""
    bundle = quantized_bundle(tmp_path / "b", manifest)
    integer_bundle.make_integer(bundle.path, manifest)
    bundle = Bundle.open(bundle.path)
    (check,) = selftest(bundle, 1, "onnx").checks
    assert (check.backend, check.precision, check.tolerance, check.ok) == ("onnx", "int8", 0.01, True)
    assert check.difference < 1e-6
    golden = json.loads(bundle.read(GOLDEN))
    golden["samples"][0]["expected_onnx"]["int8"]["probabilities"][0] += 0.05
    write_json(bundle.path / GOLDEN, golden)
    seal(bundle.path)
    (check,) = selftest(Bundle.open(bundle.path), 1, "onnx").checks
    assert check.difference == pytest.approx(0.05, abs=1e-6)
    assert not check.ok


def test_another_label_changes_nothing(tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = quantized_bundle(tmp_path / "b", manifest)

    def reversed_labels(predictors: Any, batches: Any) -> Any:
        found = np.eye(len(manifest.classes), dtype=np.float32)[[0] * sum(len(batch) for batch in batches)]
        return {"before": found, integer_bundle.NAME: found[:, ::-1]}

    monkeypatch.setattr(parity, "predict", reversed_labels)
    with pytest.raises(GateError, match=r"1e\+02 % of the validation images get another label: nothing was written"):
        integer_bundle.make_integer(bundle.path, manifest)
    assert Bundle.open(bundle.path).sums == bundle.sums


def test_what_cannot_be_rewritten_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    """A zip, a bundle that was measured on other images, and one without an int8 ONNX file."""
    bundle = quantized_bundle(tmp_path / "b", manifest)
    pack(bundle.path, tmp_path / "b.zip")
    with pytest.raises(UserError, match=r"b\.zip: is not the folder of a bundle"):
        integer_bundle.make_integer(tmp_path / "b.zip", manifest)
    with pytest.raises(UserError, match="was measured on another manifest"):
        integer_bundle.make_integer(bundle.path, labeled.make_manifest(tmp_path / "other", n=5, split=Split.VAL))
