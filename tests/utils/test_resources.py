"""Tests of `edgewbc.utils.resources`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import resources


def test_recipes_are_shipped() -> None:
    """The default recipe is shipped, with its name in the first line that is not a comment."""
    lines = (resources.folder("recipes") / "vgg16gap-112.yaml").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "name: vgg16gap-112"


def test_missing_folder_is_an_error() -> None:
    """The error says that the installation is incomplete and what to do."""
    with pytest.raises(UserError, match="reinstall it"):
        resources.folder("nothing")


def test_newest_bundle(tmp_path: Path) -> None:
    """The bundle whose checksums were written last is returned."""
    for name, when in (("b", 200), ("a", 100)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "SHA256SUMS").write_text("")
        os.utime(tmp_path / name / "SHA256SUMS", (when, when))
    assert resources.newest_bundle(tmp_path) == tmp_path / "b"


def test_recipes_are_named_by_their_path() -> None:
    """Recipes in folders are found too; the codes of a differential, which lie beside them, are not recipes."""
    found = resources.recipes()
    assert {"vgg16gap-112", "qat", "edge/lite0"} <= found.keys()
    assert found["edge/lite0"] == resources.folder("recipes") / "edge" / "lite0.yaml"
    assert not [name for name in found if name.startswith("codes")]
