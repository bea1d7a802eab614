"""Tests of edgewbc.runtime.trial: models that crash, never end or return invalid output raise an error of one line."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle, ModelFiles, seal
from edgewbc.errors import UserError
from edgewbc.runtime import trial
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import resources


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make every model run its trial."""
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "_passed", set())


def spoiled(bundle: Bundle, kind: str) -> ModelFiles:
    """Return a model with a valid description whose output is not probabilities."""
    import openvino as ov
    from openvino import opset13 as op

    image = op.parameter([-1, 16, 16, 3], ov.Type.u8, name="image")
    pooled = op.reduce_mean(op.convert(image, "f32"), op.constant(np.array([1, 2])), False)
    dense = op.constant(np.eye(3, 5, dtype=np.float32) / 255)
    found = op.softmax(op.matmul(pooled, dense, False, False), 1)
    if kind == "nan":
        found = op.divide(found, op.constant(np.float32(0)))
        found = op.subtract(found, found)
    elif kind == "large":
        found = op.multiply(found, op.constant(np.float32(1000)))
    elif kind == "negative":
        found = op.subtract(found, op.constant(np.float32(1)))
    elif kind == "memory":  # 60,000 x 60,000 numbers
        side = op.constant(np.ones((60_000, 1), np.float32))
        square = op.multiply(op.add(op.reduce_mean(pooled, op.constant(np.array([0, 1])), False), side),
                             op.constant(np.ones((1, 60_000), np.float32)))  # fmt: skip
        found = op.add(found, op.reduce_mean(square, op.constant(np.array([0, 1])), False))
    found.output(0).set_names({"probabilities"})
    features = op.relu(pooled)
    features.output(0).set_names({"features"})
    model = ov.Model([op.result(found), op.result(features)], [image], "x")
    path = bundle.path.parent / f"{kind}.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return ModelFiles((path.read_bytes(), path.with_suffix(".bin").read_bytes()), "int8", "m.xml")


def test_a_good_model_is_tried_once(own: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes, and neither this process nor a later one tries it again; another model is tried."""
    tried: list[str] = []
    real = trial._try

    def noted(files: ModelFiles, job: trial.TrialJob) -> str:
        tried.append(files.precision)
        return real(files, job)

    monkeypatch.setattr(trial, "_try", noted)
    for _ in range(2):
        assert trial.read_model(own).contents == own.read_model().contents
    assert tried == ["int8"]
    monkeypatch.setattr(trial, "_passed", set())
    trial.read_model(own)
    assert tried == ["int8"]
    OpenVINOPredictor.from_bundle(own, "f32")
    assert tried == ["int8", "f32"]


def test_a_released_model_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped bundle costs no subprocess."""
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("tried"))
    assert trial.read_model(Bundle.open(resources.shipped_bundle())).released == "wbc5-edge int8 openvino"


@pytest.mark.parametrize(
    ("kind", "words"), [("nan", "not a number"), ("large", "not a set of prob"), ("negative", "not a set of prob")]
)
def test_outputs_that_are_no_probabilities_are_rejected(own: Bundle, kind: str, words: str) -> None:
    """NaN, sums other than 1 and negative values are found on two synthetic images."""
    with pytest.raises(UserError, match=f"m.xml: the model's output is {words}") as caught:
        trial.require(spoiled(own, kind), classes=5, input_size=(16, 16))
    assert "\n" not in str(caught.value)


def test_other_classes_and_sizes_are_rejected(own: Bundle) -> None:
    """What the compiled model has must be what the manifest has."""
    for classes, size in ((4, (16, 16)), (5, (16, 17))):
        with pytest.raises(UserError, match="the model has 5 classes and takes .*unlike its manifest.json"):
            trial.require(own.read_model(), classes=classes, input_size=size)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of the address space")
def test_a_model_that_takes_all_memory_is_rejected(own: Bundle) -> None:
    """A prediction that needs 14 GB fails within the subprocess."""
    with pytest.raises(UserError, match="m.xml: ") as caught:
        trial.require(spoiled(own, "memory"), classes=5, input_size=(16, 16))
    assert "\n" not in str(caught.value)


def test_a_model_that_takes_too_long_is_rejected(own: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subprocess is killed at the time limit."""
    monkeypatch.setattr(trial, "SECONDS", 0.05)
    with pytest.raises(UserError, match="int8.xml: one prediction takes longer than 0 s; it is damaged"):
        trial.read_model(own)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_crash_raises_user_error(own: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that ends its process with SIGSEGV does not end this one."""
    monkeypatch.setattr(trial, "_START", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(UserError, match=r"int8.xml: running this model ended a trial process \(SIGSEGV\)"):
        trial.read_model(own)


def test_a_damaged_ir_is_rejected(tmp_path: Path) -> None:
    """A constant of a released IR called MaxPool crashes OpenVINO 2026.4, or is refused by another version."""
    path = Path(shutil.copytree(resources.folder("export/bundles") / "wbc5-vgg16gap", tmp_path / "b"))
    xml = (path / "openvino" / "int8.xml").read_bytes()
    at = xml.index(b'name="Constant_80" type="Const"')
    changed = xml[:at] + xml[at:].replace(b'type="Const"', b'type="MaxPool"', 1)
    (path / "openvino" / "int8.xml").write_bytes(changed)
    seal(path)
    with pytest.raises(UserError, match="int8.xml: ") as caught:
        OpenVINOPredictor.from_bundle(Bundle.open(path))
    assert "\n" not in str(caught.value)


def test_no_module_of_the_working_folder_is_run(own: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subprocess does not import a json.py in the working folder."""
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", os.fspath(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))
    trial.read_model(own)
    assert not (tmp_path / "ran").exists()


def test_a_compiled_model_must_be_the_bundles(bundle: Bundle) -> None:
    """Another number of classes or another input is refused."""
    info = OpenVINOPredictor.from_bundle(bundle).info
    trial.check_info(bundle, info)
    for other in (replace(info, classes=4), replace(info, input_size=(16, 17))):
        with pytest.raises(UserError, match="export the bundle again"):
            trial.check_info(bundle, other)
