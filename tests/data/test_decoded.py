"""Images of a manifest, decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.data import decoded
from edgewbc.errors import UserError
from edgewbc.utils.files import sha256
from tests import labeled, tiny


def test_an_image_is_decoded_and_checked(tmp_path: Path) -> None:
    """The pixels are those of the file; a changed file and one that is not an image are named."""
    manifest = labeled.make_manifest(tmp_path / "m", n=2)
    first, second = manifest.entries
    np.testing.assert_array_equal(decoded.read(manifest, first), tiny.make_image(0))
    assert decoded.read_decoded(manifest, first).notes == ()
    manifest.file(second).write_bytes(b"not an image")
    with pytest.raises(UserError, match="changed since the manifest was made: recreate the manifest"):
        decoded.read(manifest, second)
    known = replace(second, sha256=sha256(manifest.file(second)))
    with pytest.raises(UserError, match="not an image.*: remove it and recreate the manifest"):
        decoded.read(manifest, known)
