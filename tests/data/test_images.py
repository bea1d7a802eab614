"""Tests of `edgewbc.data.images`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewbc.data.images import batches, read, truth
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec, prepare
from tests.data.conftest import Put
from tests.tiny import picture


def test_read_gives_the_pixels(put: Put, pictures: Path) -> None:
    """A PNG comes back as the RGB that was saved."""
    put("monocyte/a.png", seed=7)
    manifest = make("folder", pictures, protocol="external")
    np.testing.assert_array_equal(read(manifest, manifest.entries[0]), picture(7))


def test_read_names_a_damaged_file(put: Put, pictures: Path) -> None:
    """A file that is no picture is one line with its name and the mend."""
    put("monocyte/a.png").write_bytes(b"not a picture")
    manifest = make("folder", pictures, protocol="external")
    with pytest.raises(UserError, match=r"a\.png: .*; take it out and make the manifest anew"):
        read(manifest, manifest.entries[0])


def test_truth(slides: Path) -> None:
    """Labels become positions among the classes; a label that is not one names its file."""
    manifest = make("folder", slides, protocol="external")
    found = truth(manifest, manifest.entries, ("neutrophil", "lymphocyte"))
    assert found.dtype == np.int64
    assert found.tolist() == [1] * 12 + [0] * 12  # Lymphocyte/ comes before neutrophil/
    with pytest.raises(UserError, match=r"slide0/0\.png: its label 'lymphocyte' is not a class of the model"):
        truth(manifest, manifest.entries, ("neutrophil",))


def test_batches(slides: Path) -> None:
    """Pictures come prepared and in order, the last batch shorter."""
    manifest = make("folder", slides, protocol="external")
    spec = PixelSpec(10, 8)
    found = list(batches(manifest, manifest.entries, spec, size=10))
    assert [stack.shape for stack in found] == [(10, 10, 8, 3), (10, 10, 8, 3), (4, 10, 8, 3)]
    assert found[0].dtype == np.uint8
    np.testing.assert_array_equal(found[2][1], prepare(read(manifest, manifest.entries[21]), spec))
