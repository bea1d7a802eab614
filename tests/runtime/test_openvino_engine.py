"""Tests of edgewbc.runtime.openvino_engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.pixels import prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Prediction
from tests.tiny import CHANNELS, make_bundle, make_image


@pytest.fixture(scope="module")
def images(bundle: Bundle) -> NDArray[np.uint8]:
    return np.stack([prepare(make_image(seed), bundle.pixels) for seed in range(10)])


def by_hand(bundle: Bundle, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the expected probabilities in NumPy, from head.npz and the predictor's features."""
    head = np.load(bundle.path / "head.npz")
    features = OpenVINOPredictor.from_bundle(bundle, "f32")(images).features
    logits = features.astype(np.float64) @ head["w0"].T + head["b0"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def test_outputs_are_found_by_name(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """Probabilities are the softmax of the head over the features, float32, whatever the order of the outputs."""
    prediction = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1)(images)
    assert prediction.probabilities.shape == (10, 5)
    assert prediction.features.shape == (10, CHANNELS)
    assert prediction.probabilities.dtype == prediction.features.dtype == np.float32
    np.testing.assert_allclose(prediction.probabilities, by_hand(bundle, images), atol=1e-6)


def test_predictions_are_copies(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """The next call does not overwrite an earlier prediction."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1)
    first = engine(images[:1])
    kept = first.probabilities.copy()
    engine(images[3:4])
    np.testing.assert_array_equal(first.probabilities, kept)


@pytest.mark.parametrize("options", [{"hint": "latency"}, {"hint": "throughput", "streams": 2, "threads": 2}])
def test_stream_preserves_order(bundle: Bundle, images: NDArray[np.uint8], options: dict[str, object]) -> None:
    """Streamed batches, the last one smaller, give what single calls give, in order."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32", **options)
    found = list(engine.stream(images[i : i + 3] for i in range(0, 10, 3)))
    assert [len(prediction.probabilities) for prediction in found] == [3, 3, 3, 1]
    want = engine(images)
    np.testing.assert_allclose(np.concatenate([a.probabilities for a in found]), want.probabilities, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([a.features for a in found]), want.features, atol=1e-5)


def test_stream_limits_batches_in_flight(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """When the first result is yielded, at most one batch more than may be in flight has been read."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32", hint="throughput", streams=2)
    read = []

    def batches() -> object:
        for index in range(10):
            read.append(index)
            yield images[index : index + 1]

    predictions = engine.stream(batches())  # type: ignore[arg-type]
    next(predictions)
    assert len(read) == engine.info.requests + 1
    predictions.close()  # type: ignore[attr-defined]
    assert list(engine.stream([])) == []


def test_error_in_the_batch_source_is_raised(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """An error in the source of batches is raised unchanged, and the predictor remains usable."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1)

    def batches() -> object:
        yield images[:2]
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="camera"):
        list(engine.stream(batches()))  # type: ignore[arg-type]
    assert isinstance(engine(images[:1]), Prediction)


def test_info_says_what_runs(bundle: Bundle) -> None:
    """Precision, threads, streams and instruction set are read back; f32 is used even where bf16 is the default."""
    info = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1).info
    assert info.compute == "f32"
    assert info.threads == 1
    assert info.streams == 1
    assert info.requests == 2
    assert info.input_size == (16, 16)
    assert info.classes == 5
    assert info.isa
    assert info.labels == bundle.classes
    assert OpenVINOPredictor.from_bundle(bundle, "f32", compute="bf16").info.compute in ("bf16", "f32")


def test_int8_runs_in_int8(bundle: Bundle) -> None:
    """The quantized convolution runs on uint8, the f32 one does not."""
    assert "u8" in OpenVINOPredictor.from_bundle(bundle, "int8").kernels()
    assert OpenVINOPredictor.from_bundle(bundle, "f32").kernels() == {"f32": 2}


def test_the_default_precision_is_the_bundles(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """Without a precision, the bundle's default model is used."""
    default, int8 = (OpenVINOPredictor.from_bundle(bundle, precision)(images) for precision in (None, "int8"))
    np.testing.assert_array_equal(default.probabilities, int8.probabilities)


@pytest.mark.parametrize("wrong", [(2, 16, 15, 3), (16, 16, 3), (1, 16, 16, 4)])
def test_other_shapes_are_rejected(bundle: Bundle, wrong: tuple[int, ...]) -> None:
    """A batch of another shape or dtype raises ValueError."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32")
    with pytest.raises(ValueError, match=r"not uint8 \(n, \*\(16, 16, 3\)\)"):
        engine(np.zeros(wrong, np.uint8))
    with pytest.raises(ValueError, match="float32"):
        engine(np.zeros((1, 16, 16, 3), np.float32))  # type: ignore[arg-type]


def test_invalid_models_raise_user_error(own: Bundle) -> None:
    """Junk, truncated XML, truncated weights and other models raise a UserError of one line."""
    xml = (own.path / "openvino/f32.xml").read_bytes()
    weights = (own.path / "openvino/f32.bin").read_bytes()
    for pair in ((b"junk", b""), (xml[:300], weights), (xml, weights[:10])):
        with pytest.raises(UserError, match="m: OpenVINO cannot run it: .") as caught:
            OpenVINOPredictor(*pair, name="m")
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="has no output named features"):
        OpenVINOPredictor(xml.replace(b'names="features"', b'names="something"'), weights)
    with pytest.raises(UserError, match="0 threads"):
        OpenVINOPredictor(xml, weights, threads=0)


def test_other_sizes_and_classes(tmp_path: Path) -> None:
    """Height and width may differ, and so may the number of classes."""
    bundle = make_bundle(tmp_path / "other", classes=("a", "b"), size=(12, 20))
    engine = OpenVINOPredictor.from_bundle(bundle)
    assert engine.info.input_size == (12, 20)
    assert engine(np.zeros((3, 12, 20, 3), np.uint8)).probabilities.shape == (3, 2)


def test_requests_are_reused(bundle: Bundle, images: NDArray[np.uint8]) -> None:
    """Calls and streams, including one that was stopped early, reuse the same inference requests."""
    engine = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1)
    with engine._borrowed(2) as lent:
        assert len(set(map(id, lent))) == 2
    for count in (1, 3, 2):
        engine(images[:count])
        stream = engine.stream(images[index : index + count] for index in range(4))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="not uint8"):
        engine(images[0])
    with engine._borrowed(2) as again:
        assert set(map(id, again)) == set(map(id, lent))
