"""Tests of edgewbc.evaluation.load."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc import cells
from edgewbc.bundle import bundle as bundles
from edgewbc.errors import UserError
from edgewbc.evaluation.load import convert, load
from edgewbc.runtime.predictor import Backend
from edgewbc.utils.files import sha256
from tests import labeled, tiny


def batch(n: int = 3, size: int = 16) -> NDArray[np.uint8]:
    return np.stack([tiny.make_image(i, size, size) for i in range(n)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny run folder."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("runs") / "net"
    labeled.make_run(folder)
    return folder


@pytest.fixture(scope="module")
def converted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same run, converted to IR and ONNX."""
    folder = tmp_path_factory.mktemp("converted")
    for backend in (Backend.OPENVINO, Backend.ONNX):
        convert(run, folder, backend)
    return folder


def test_quantized_run_is_not_converted_again(
    run: Path, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """f32 loads the files that the quantization wrote; a run whose files have changed since is converted."""
    copy = tmp_path / "net"
    shutil.copytree(run, copy)
    files = {}
    for name in ("openvino/f32.xml", "openvino/f32.bin"):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(converted / Path(name).name, copy / name)
        files[name] = sha256(copy / name)
    report = {"model_sha256": sha256(copy / "model.safetensors"), "files": files}
    (copy / "quantize.json").write_text(json.dumps(report))
    calls: list[str] = []

    def count(run: Path, folder: Path, backend: Backend) -> None:
        calls.append(backend)
        convert(run, folder, backend)

    monkeypatch.setattr("edgewbc.evaluation.load.convert", count)
    expected = load(run, backend="openvino", precision="f32", threads=1, converted=converted)
    found = load(copy, backend="openvino", precision="f32", threads=1)
    shown = batch(size=expected.pixels.height)
    np.testing.assert_array_equal(found.predictor(shown).probabilities, expected.predictor(shown).probabilities)
    assert (calls, found.sha256) == ([], expected.sha256)
    (copy / "openvino" / "f32.xml").write_bytes(b"changed")
    load(copy, backend="openvino", precision="f32", threads=1)
    assert calls == ["openvino"]


def test_bundle_is_identified_by_its_files(tmp_path: Path) -> None:
    """A bundle's default is its int8 file, with the size and hash of its two files."""
    made = tiny.make_bundle(tmp_path / "b")
    loaded = load(tmp_path / "b", threads=1)
    found = loaded.predictor(batch()).probabilities
    assert found.shape == (3, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert (loaded.predictor.info.precision, loaded.predictor.info.backend, loaded.name) == ("int8", "openvino", "tiny")
    assert loaded.classes == cells.CLASSES
    files = b"".join((tmp_path / "b" / "openvino" / name).read_bytes() for name in ("int8.xml", "int8.bin"))
    assert loaded.sha256 == hashlib.sha256(files).hexdigest() == made.model_sha256()
    assert loaded.size == len(files) == made.size("openvino")
    assert loaded.predictor.info.threads == 1
    assert loaded.predictor.info.isa


def test_zipped_bundle_matches_the_folder(tmp_path: Path) -> None:
    """The zipped bundle gives the same probabilities under the same hash."""
    tiny.make_bundle(tmp_path / "b")
    bundles.pack(tmp_path / "b", tmp_path / "b.zip")
    one, two = (load(tmp_path / name, precision="f32", threads=1) for name in ("b", "b.zip"))
    assert one.sha256 == two.sha256
    np.testing.assert_array_equal(one.predictor(batch()).probabilities, two.predictor(batch()).probabilities)


def test_stream_keeps_the_order(tmp_path: Path) -> None:
    """Streamed under the throughput hint, batches of different sizes are returned in order."""
    tiny.make_bundle(tmp_path / "b")
    loaded = load(tmp_path / "b", precision="f32", threads=2, hint="throughput", streams=2)
    images = batch(7)
    found = np.concatenate(
        [p.probabilities for p in loaded.predictor.stream(iter([images[:1], images[1:4], images[4:]]))]
    )
    np.testing.assert_allclose(found, loaded.predictor(images).probabilities, atol=1e-6)


def test_all_backends_agree_on_a_run(run: Path, converted: Path) -> None:
    """torch, OpenVINO and ONNX Runtime give the same f32 probabilities, and bf16 nearly so."""
    images = batch(4, 32)
    torch = load(run, threads=1)
    assert (torch.predictor.info.backend, torch.predictor.info.precision, torch.name) == ("torch", "f32", "net")
    expected = torch.predictor(images).probabilities
    for backend in ("openvino", "onnx"):
        other = load(run, backend=backend, precision="f32", threads=1, converted=converted)
        np.testing.assert_allclose(other.predictor(images).probabilities, expected, atol=1e-4)
        np.testing.assert_allclose(next(iter(other.predictor.stream([images]))).probabilities, expected, atol=1e-4)
        assert other.sha256 == torch.sha256
        assert other.predictor.info.precision == "f32"
        assert other.size > 0
    half = load(run, backend="torch", precision="bf16", threads=1)
    np.testing.assert_allclose(half.predictor(images).probabilities, expected, atol=0.05)
    assert half.predictor.info.precision == "bf16"
    assert torch.sha256 == hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def test_run_is_converted_when_necessary(run: Path) -> None:
    """Without converted files a run is converted for OpenVINO, and nothing is left in its folder."""
    before = sorted(path.name for path in run.iterdir())
    loaded = load(run, backend="openvino", threads=1)
    expected = load(run).predictor(batch(2, 32)).probabilities
    np.testing.assert_allclose(loaded.predictor(batch(2, 32)).probabilities, expected, atol=1e-4)
    assert sorted(path.name for path in run.iterdir()) == before


def test_quantized_file_of_a_run(run: Path, converted: Path, tmp_path: Path) -> None:
    """int8 of a run uses openvino/int8.xml and .bin, and is identified by their hash."""
    copy = tmp_path / "quantized"
    shutil.copytree(run, copy)
    (copy / "openvino").mkdir()
    for suffix in (".xml", ".bin"):
        shutil.copy(converted / f"f32{suffix}", copy / "openvino" / f"int8{suffix}")
    (copy / "quantize.json").write_text(
        json.dumps(
            {
                "model_sha256": sha256(copy / "model.safetensors"),
                "files": {f"openvino/int8{s}": sha256(copy / "openvino" / f"int8{s}") for s in (".xml", ".bin")},
            }
        )
    )
    loaded = load(copy, precision="int8", threads=1)
    files = b"".join((copy / "openvino" / name).read_bytes() for name in ("int8.xml", "int8.bin"))
    assert loaded.predictor.info.backend == "openvino"
    assert loaded.sha256 == hashlib.sha256(files).hexdigest()
    assert loaded.predictor(batch(2, 32)).probabilities.shape == (2, 5)
    binary = copy / "openvino" / "int8.bin"
    binary.write_bytes(binary.read_bytes()[:-1] + b"!")
    with pytest.raises(UserError, match=r"int8\.bin: is missing or has changed since it was quantized"):
        load(copy, precision="int8", threads=1)


@pytest.mark.parametrize("backend", ["torch", "openvino", "onnx"])
def test_damaged_weights_of_a_run_are_rejected(run: Path, backend: str, tmp_path: Path) -> None:
    """A flipped bit in a run's weights raises an error of one line on every backend, as does an unfinished run."""
    copy = tmp_path / "damaged"
    shutil.copytree(run, copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-5] ^= 4
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match=r"model\.safetensors: damaged or changed since the run finished"):
        load(copy, backend=backend, threads=1)
    (copy / "lineage.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        load(copy, backend=backend, threads=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorrt"}, "use one of openvino, onnx, torch"),
        ({"precision": "int4"}, "use one of f32, bf16, int8"),
        ({"backend": "torch"}, "torch runs a run folder"),
        ({"backend": "onnx", "precision": "bf16"}, "does not compute in bf16"),
        ({"backend": "onnx"}, "holds no int8 model for onnx"),
        ({"threads": 0}, "use 1 or more"),
    ],
)
def test_unsupported_options_are_rejected(options: dict[str, object], message: str, tmp_path: Path) -> None:
    """An unknown backend or precision, or one that the model lacks, raises UserError."""
    tiny.make_bundle(tmp_path / "b")
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path / "b", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unquantized_run_names_the_quantize_command(run: Path) -> None:
    """int8 of a run that was not quantized raises an error that names the command."""
    with pytest.raises(UserError, match="edgewbc quantize --int8"):
        load(run, precision="int8")
    with pytest.raises(UserError, match="torch does not run int8"):
        load(run, precision="int8", backend="torch")


def test_no_conversion_for_an_unknown_backend(run: Path, tmp_path: Path) -> None:
    """What is neither OpenVINO nor ONNX Runtime is not taken for one of them."""
    with pytest.raises(ValueError, match="not converted for torch"):
        convert(run, tmp_path, Backend.TORCH)
    assert list(tmp_path.iterdir()) == []
