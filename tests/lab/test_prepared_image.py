"""From bytes to prepared cells, and with the network's outputs to a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import FileVersion
from edgewbc.lab import prepared_image
from edgewbc.lab.prepared_image import NO_MEMORY, CellFacts, ImagePreparer, Output, PreparedImage
from edgewbc.pixels import PixelSpec
from edgewbc.smear import appearance
from edgewbc.smear.prepare import Preparer
from tests.tiny import encode, make_image

PREPARE = ImagePreparer(Preparer(PixelSpec(16, 16)))
FILE = (Path("a.png"), "hash", FileVersion(1, 2, 3, 4))


def output(label: int) -> Output:
    """Probabilities and features of a cell."""
    return np.eye(5, dtype=np.float32)[label], np.full(8, label, np.float32)


def test_bytes_become_cells_and_cells_a_result() -> None:
    """The file's facts and the image's size (width, height) are kept; each cell takes one output, in order."""
    prepared = PREPARE.data(encode(make_image(3)), FILE)
    np.testing.assert_array_equal(prepared.images[0], PREPARE.preparer(make_image(3)))
    outputs = iter([output(2), output(4)])
    found = prepared.result(outputs)
    assert (found.path, found.sha256, found.version, found.shape, found.error) == (*FILE, (20, 24), "")
    (cell,) = found.cells
    assert (int(cell.probabilities.argmax()), cell.features.tolist()) == (2, [2.0] * 8)
    assert (cell.number, cell.box, cell.appearance) == (0, None, None)
    assert next(outputs)[1][0] == 4.0  # is left for the next image


def test_appearance_is_measured_where_asked() -> None:
    """Of the prepared cell, as the training images were."""
    prepare = ImagePreparer(PREPARE.preparer, measure=True)
    images = [make_image(seed) for seed in range(40)]
    found = prepare.measured([*map(prepare.pixels, images), PreparedImage(FILE[0], error="damaged")])
    assert (len(found), found[-1].cells) == (41, ())
    for image, one in zip(images, found, strict=False):
        np.testing.assert_array_equal(one.cells[0].appearance, appearance.measure(PREPARE.preparer(image)))
    assert PREPARE.measured([PREPARE.pixels(images[0])])[0].cells[0].appearance is None


def test_appearance_is_that_of_the_upright_view() -> None:
    """The first of each cell's views; the others are for the network alone."""
    images = tuple(PREPARE.preparer(make_image(seed)) for seed in range(5))
    facts = CellFacts(1, None, (), others=1), CellFacts(2, None, (), others=2)
    (found,) = ImagePreparer(PREPARE.preparer, measure=True).measured(
        [PreparedImage(FILE[0], cells=facts, images=images)]
    )
    for cell, image in zip(found.cells, (images[0], images[2]), strict=True):
        np.testing.assert_array_equal(cell.appearance, appearance.measure(image))


def test_an_image_that_cannot_be_decoded_is_a_result_with_a_reason() -> None:
    """Damaged bytes, or more pixels than the limit: no cell, and no output is taken."""
    bad, large = PREPARE.data(b"not an image", FILE), PREPARE.data(encode(make_image(0)), FILE, limit=100)
    for prepared in (bad, large):
        found = prepared.result(iter(()))
        assert (found.path, found.sha256, found.cells, found.shape) == (FILE[0], FILE[1], (), None)
        assert found.error == prepared.error != ""
    with pytest.raises(ImageError) as error:
        decode(b"not an image", 100)
    assert bad.error == str(error.value)


def test_too_little_memory_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on with the next image."""

    def full(data: bytes, limit: int) -> None:
        raise MemoryError

    monkeypatch.setattr(prepared_image, "decode", full)
    assert PREPARE.data(b"", FILE).error == NO_MEMORY
