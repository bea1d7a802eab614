"""Tests of edgewbc.compress.isa_check."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewbc import runs
from edgewbc.compress import isa_check
from edgewbc.data import images
from edgewbc.errors import UserError
from edgewbc.export.validation import ModelFile
from tests.tiny_run import quantized


def test_native_and_avx2_processes_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Native predictions are those of this process, the others use AVX2; limits in the environment are ignored."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    run, manifest = quantized()
    spec, xml = runs.spec(run), run / "openvino" / "int8.xml"
    found = isa_check.check(xml, spec, manifest)
    batch = np.concatenate(list(images.batches(manifest, manifest.split("val"), spec.pixels)))
    truth = images.truth(manifest, manifest.split("val"), spec.classes)
    right = int((ModelFile("int8", xml).open()(batch).probabilities.argmax(1) == truth).sum())
    assert (found.n, found.data.split, found.native.counted.correct) == (20, "val", right)
    assert found.change.agreement >= 0.95
    assert found.change.largest_difference < 0.1
    assert found.change.drop == (found.native.counted.correct - found.avx2.counted.correct) / 20
    assert found.same_isa == (found.native.isa == found.avx2.isa)
    assert sum((found.native.kernels or {}).values()) == 5


def test_differences_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agreement, drop and the largest difference are computed from both predictions."""
    run, manifest = quantized()
    spec = runs.spec(run)
    truth = images.truth(manifest, manifest.split("val"), spec.classes)
    right = np.full((20, 5), 0.1, dtype=np.float32)
    right[np.arange(20), truth] = 0.6
    wrong = right.copy()
    wrong[:2] = np.roll(right[:2], 1, axis=1)

    def subprocess(job: dict[str, str], limits: dict[str, str]) -> dict[str, object]:
        np.save(job["predictions"], wrong if limits else right)
        return {"isa": "small" if limits else "large", "kernels": {}}

    monkeypatch.setattr(isa_check, "_subprocess", subprocess)
    found = isa_check.check(run / "openvino" / "int8.xml", spec, manifest)
    assert (found.native.counted.correct, found.avx2.counted.correct) == (20, 18)
    assert (found.change.agreement, found.change.drop, found.same_isa) == (0.9, 0.1, False)
    assert found.change.largest_difference == pytest.approx(0.5)
    assert found.change.mcnemar.b == 2
    assert isa_check.IsaComparison.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_failed_process_is_an_error(tmp_path: Path) -> None:
    """A missing model is an error of one line with the environment variables of the process."""
    job = {"model": str(tmp_path / "none.xml"), "images": "", "predictions": ""}
    with pytest.raises(UserError, match="none.xml: could not be run.*ONEDNN_MAX_CPU_ISA=AVX2.*No such file"):
        isa_check._subprocess(job, isa_check.LIMITED)
