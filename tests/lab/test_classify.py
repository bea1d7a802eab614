"""Classification: one row per image, valid or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.files import NOT_READ
from edgewbc.lab.classify import LoadedBundle, classify
from edgewbc.lab.prepared_image import CellResult, ImageResult
from edgewbc.lab.results import ResultRow, Status
from edgewbc.pixels import prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from tests.lab import samples
from tests.tiny import encode, make_bundle, make_image


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Six valid images."""
    paths = [tmp_path / f"{seed}.png" for seed in range(6)]
    for seed, path in enumerate(paths):
        path.write_bytes(encode(make_image(seed)))
    return paths


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_rows_have_the_engines_probabilities(bundle: Bundle, images: list[Path], batch: int) -> None:
    """Each row has the engine's probabilities for the prepared image, in order, for any batch size."""
    rows = list(classify(bundle, images, precision="f32", batch=batch))
    want = OpenVINOPredictor.from_bundle(bundle, "f32")(
        np.stack([prepare(make_image(seed), bundle.pixels) for seed in range(6)])
    )
    assert [row.path for row in rows] == [str(path) for path in images]
    for row, probabilities in zip(rows, want.probabilities, strict=True):
        assert list(row.probabilities) == list(bundle.classes)
        np.testing.assert_allclose(list(row.probabilities.values()), probabilities, atol=1e-5)
        assert row.label == bundle.classes[int(probabilities.argmax())]
        assert row.probability == row.probabilities[row.label]
        assert (row.status, row.reason) == ("ok", "")
        assert row.model_sha256 == bundle.model_sha256("openvino", "f32")


def test_an_unusable_image_is_a_row(bundle: Bundle, images: list[Path], tmp_path: Path) -> None:
    """Unusable files become error rows in their place, with a reason; the others are classified."""
    bad = {
        "empty.png": (b"", "empty file"),
        "text.jpg": (b"hello", "not an image"),
        "cut.png": (samples.LOSSLESS["png"][:200], "truncated or damaged"),
        "giga.png": (samples.gigapixel_png(), "too large"),
    }
    paths = [images[0], tmp_path / "gone.png", tmp_path]
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
        paths.append(tmp_path / name)
    rows = list(classify(bundle, [*paths, images[1]], batch=3))
    assert [row.status for row in rows] == ["ok"] + ["error"] * 6 + ["ok"]
    assert rows[1].reason == "no such file"
    assert rows[2].reason == "not a file"
    for row, (_, reason) in zip(rows[3:], bad.values(), strict=False):
        assert row.reason.startswith(reason)
        assert (row.label, row.probability, row.probabilities) == ("", None, {})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(samples.PLAIN[..., 0]), "grayscale: the stain's colors are missing"),
        (samples.CMYK_JPEG, "CMYK: "),
        (encode(samples.PLAIN.astype(np.uint16) * 257), "16 bits per channel"),
        (samples.animation(".gif"), "animated or with several pages"),
        (samples.pages(), "animated or with several pages"),
        (encode(samples.with_alpha(0)), "partly transparent"),
    ],
)
def test_unusual_images_are_for_review(bundle: Bundle, tmp_path: Path, data: bytes, reason: str) -> None:
    """An image that is not an ordinary color image gets a label, status review and the reason."""
    (tmp_path / "odd").write_bytes(data)
    (row,) = classify(bundle, [tmp_path / "odd"])
    assert row.status == "review"
    assert row.reason.startswith(reason)
    assert row.label in bundle.classes


def test_a_rotated_image_is_upright_and_ok(bundle: Bundle, tmp_path: Path) -> None:
    """An image with EXIF rotation gets the same row as the rotated image, with status ok."""
    turned = samples.png_with(encode(make_image(2)), b"eXIf", samples.exif(6))
    (tmp_path / "exif.png").write_bytes(turned)
    (tmp_path / "turned.png").write_bytes(encode(np.ascontiguousarray(np.rot90(make_image(2), -1))))
    one, two = classify(bundle, [tmp_path / "exif.png", tmp_path / "turned.png"])
    assert one.status == "ok"
    assert one.probabilities == two.probabilities


def test_an_unsure_label_is_for_review(tmp_path: Path, images: list[Path]) -> None:
    """Below the bundle's review_below a row has status review and says so; decoding notes come first."""
    bundle = make_bundle(tmp_path / "b", review_below=0.999999)
    (tmp_path / "grey.png").write_bytes(encode(samples.PLAIN[..., 0]))
    rows = list(classify(bundle, [images[0], tmp_path / "grey.png"]))
    assert rows[0].status == rows[1].status == "review"
    assert rows[0].reason == f"probability {rows[0].probability:.6f} is below 0.999999"
    assert rows[1].reason.startswith("grayscale: the stain's colors are missing; probability ")


@pytest.mark.parametrize("values", [[float("nan")] * 5, [1.0, 1.0, 0.0, 0.0, 0.0], [1.5, -0.5, 0.0, 0.0, 0.0]])
def test_an_output_that_is_no_set_of_probabilities_is_an_error(bundle: Bundle, values: list[float]) -> None:
    """It has no label, so it is never counted."""
    model = LoadedBundle.load(bundle, threads=1)
    cell = CellResult(np.array(values, np.float32), np.zeros(8, np.float32))
    (row,) = model.rows(ImageResult(Path("a.png"), "", NOT_READ, (cell,)))
    assert (row.status, row.label, row.probability) == ("error", "", None)
    assert row.reason.startswith("the model's output is not")


def test_a_bad_bundle_is_refused_before_the_first_row(tmp_path: Path, bundle: Bundle) -> None:
    """A missing precision and classes that do not match the model are raised by the call."""
    with pytest.raises(UserError, match="holds no int4 model"):
        classify(bundle, [], precision="int4")
    with pytest.raises(UserError, match="review_below"):
        classify(make_bundle(tmp_path / "a", review_below="much"), [])
    with pytest.raises(UserError, match="has the classes .*but manifest.json has 'a, b'"):
        classify(Bundle(bundle.path, replace(bundle.manifest, classes=("a", "b")), bundle.sums), [])


def test_a_row_for_json_has_six_decimals() -> None:
    """Probabilities are rounded to six decimals; those of an error are null and empty."""
    row = ResultRow("a.png", "monocyte", 2 / 3, {"monocyte": 2 / 3, "basophil": 1 / 3}, model_sha256="ff")
    told = row.to_json()
    assert told["probability"] == 0.666667
    assert told["probabilities"] == {"monocyte": 0.666667, "basophil": 0.333333}
    assert ResultRow("a.png", "", None, status=Status.ERROR, reason="r").to_json()["probability"] is None


def test_settings_are_what_determines_a_result(bundle: Bundle) -> None:
    """Settings depend on the model and the threshold, not on the number of threads, and are plain JSON."""
    one = LoadedBundle.load(bundle, threads=1).settings
    assert json.dumps(one) == json.dumps(LoadedBundle.load(bundle, threads=2).settings)
    assert one["model_sha256"] == bundle.model_sha256()
    stricter = Bundle(bundle.path, replace(bundle.manifest, review_below=0.25), bundle.sums)
    other = LoadedBundle.load(stricter, threads=1).settings
    assert {name for name in one if one[name] != other[name]} == {"review_below"}
    f32 = LoadedBundle.load(bundle, "f32", threads=1).settings
    assert {name for name in one if one[name] != f32[name]} == {"model_sha256"}
