"""What ships with the package."""

import os

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import resources


def test_recipes_are_there():
    """The default recipe ships."""
    assert (resources.folder("recipes") / "vgg16gap-112.yaml").is_file()


def test_what_did_not_ship_is_said():
    """An unknown folder is a UserError that says what to do."""
    with pytest.raises(UserError, match="reinstall it"):
        resources.folder("nothing")


def test_newest_bundle(tmp_path):
    """The bundle that was sealed last is taken."""
    for name, when in (("b", 200), ("a", 100)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "SHA256SUMS").write_text("")
        os.utime(tmp_path / name / "SHA256SUMS", (when, when))
    assert resources.newest_bundle(tmp_path) == tmp_path / "b"
