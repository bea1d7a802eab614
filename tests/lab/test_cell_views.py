"""Cells in eight views: the views, features of files, copies, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.lab import cell_views
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear import learning
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views
from edgewbc.synth.cells import draw_cell
from tests.lab.tinted import tinted, write_cells
from tests.tiny import make_bundle


def test_eight_different_views_of_a_square() -> None:
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    found = cell_views.views(image)
    assert np.array_equal(found[0], image)
    assert len({view.tobytes() for view in found}) == 8
    assert all(sorted(view.ravel()) == sorted(image.ravel()) for view in found)


def test_a_rectangle_has_four_views_of_its_shape() -> None:
    found = cell_views.views(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3))
    assert found.shape == (4, 2, 4, 3)
    assert len({view.tobytes() for view in found}) == 4


def test_features_are_those_of_each_view(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_cells(tmp_path, {"monocyte": 6})
    paths = sorted(folder.rglob("*.png"))
    seen = cell_views.see(bundle, paths, threads=1)
    assert seen.features.shape == (6, 8, 8)
    assert seen.probabilities.shape == (6, 8, 5)
    assert seen.sizes == ((20, 20),) * 6
    predictor = OpenVINOPredictor.from_bundle(bundle, threads=1)
    wanted = predictor(cell_views.views(prepare(tinted(2, 5), bundle.pixels)))
    assert seen.features[5] == pytest.approx(wanted.features, abs=1e-4)
    assert seen.copies.tolist() != [0] * 6


def test_the_views_that_a_bundle_looks_at(tmp_path: Path) -> None:
    """The quarter turns are among the eight views; further crops are added. Neither changes the eight."""
    images = {f"{seed}.png": draw_cell(CLASSES[seed], np.random.default_rng(seed), 150) for seed in range(4)}
    for name, image in images.items():
        (tmp_path / name).write_bytes(encode(image, ".png"))
    found = learning.learn(images.values())
    assert found is not None
    spec = PixelSpec(24, 24, crop="cell", size=150, reference=found.reference)
    views = Views(4, (0.8, 1.25))
    plain = make_bundle(tmp_path / "plain", spec=spec)
    bundle = make_bundle(tmp_path / "views", spec=spec, views=views.to_json(), format=3)
    paths = [tmp_path / name for name in images]
    one, seen = (cell_views.see(each, paths, threads=1) for each in (plain, bundle))
    assert one.others is None
    assert seen.features == pytest.approx(one.features, abs=1e-5)
    assert seen.others is not None
    assert seen.others.shape == (4, 5, 8)
    assert np.array_equal(seen.others[:, :3], seen.features[:, 1:4])
    (prepared,) = Preparer(spec, views=views).cells(images["0.png"])
    wanted = OpenVINOPredictor.from_bundle(bundle, threads=1)(np.stack(prepared.others))
    assert seen.others[0] == pytest.approx(wanted.features, abs=1e-4)
    assert seen.other_probabilities is not None
    assert seen.other_probabilities[0] == pytest.approx(wanted.probabilities, abs=1e-4)
    assert np.array_equal(seen.judged, np.concatenate([seen.features[:, :1], seen.others], 1))
    assert (one.other_probabilities, one.judged.shape) == (None, (4, 1, 8))
    half = make_bundle(tmp_path / "half", spec=spec, views=Views(2, ()).to_json(), format=3)
    turned = cell_views.see(half, paths, threads=1)
    assert turned.others is not None
    assert np.array_equal(turned.others, turned.features[:, 2:3])


def test_copies_are_numbered_alike_and_unusable_files_are_left_out(bundle: Bundle, tmp_path: Path) -> None:
    data = encode(tinted(0, 0), ".png")
    names = ("a.png", "b.png", "c.png", "d.png")
    contents = (data, b"not an image", encode(tinted(1, 0), ".png"), data)
    for name, each in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(each)
    seen = cell_views.see(bundle, [tmp_path / name for name in (*names, "absent.png")], threads=1)
    assert seen.indices.tolist() == [0, 2, 3]
    assert seen.copies[0] == seen.copies[2] != seen.copies[1]
    assert [index for index, _ in seen.errors] == [1, 4]


def test_no_usable_image(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of the 1 images could be used: .*absent.png: no such file"):
        cell_views.see(bundle, [tmp_path / "absent.png"])


def test_cells_of_one_image_are_told_apart_by_their_boxes(bundle: Bundle, tmp_path: Path) -> None:
    """Each box is prepared on its own. Two boxes of one image are not copies of each other; the same box twice is."""
    image = np.concatenate([tinted(2, 0), tinted(4, 0)], axis=1)
    path = tmp_path / "field.png"
    path.write_bytes(encode(image, ".png"))
    boxes = [(0.0, 0.0, 20.0, 20.0), (20.0, 0.0, 20.0, 20.0), (20.0, 0.0, 20.0, 20.0)]
    located = make_bundle(tmp_path / "boxes", spec=PixelSpec(16, 16, crop="box"))
    seen = cell_views.see(located, [path] * 3, boxes=boxes, threads=1)
    assert seen.boxes == tuple(boxes)
    assert not np.allclose(seen.features[0], seen.features[1])
    assert np.array_equal(seen.features[1], seen.features[2])
    assert seen.copies.tolist() == [0, 1, 1]
    with pytest.raises(UserError, match="takes images of one cell each"):
        cell_views.see(bundle, [path], boxes=boxes[:1], threads=1)
