"""Tests of edgewbc.serve.models: names, and the microscope of models that locate cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.microscope import Microscope
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.serve import models
from edgewbc.serve.models import Named
from edgewbc.smear.microscope import Profile
from edgewbc.utils.files import write_json
from tests.tiny import make_bundle

REFERENCE = Reference(20.0, (235.0, 225.0, 215.0), (1.0, 1.6, 0.5))


@pytest.fixture(scope="module")
def locating(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a bundle that locates cells."""
    spec = PixelSpec(16, 16, crop="cell", size=60, reference=REFERENCE)
    return make_bundle(tmp_path_factory.mktemp("cells") / "b", spec=spec, name="cells")


def test_names(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, or the bundle's own; a file that is named like a pair is a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert [Named.parse(text) for text in ("x=y=z", "plain", "a=b")] == [
        Named("x", "y=z"),
        Named("", "plain"),
        Named("", "a=b"),
    ]
    assert list(models.names([("", bundle), ("other", bundle)])) == ["tiny", "other"]
    with pytest.raises(UserError, match="two models are named tiny"):
        models.names([("", bundle), ("tiny", bundle)])
    with pytest.raises(UserError, match="letters, digits"):
        models.names([("a/b", bundle)])


def test_a_model_that_locates_cells_needs_a_microscope(locating: Bundle, bundle: Bundle, tmp_path: Path) -> None:
    """A profile, one for all or one for each, or the word for that of the training images."""
    with pytest.raises(UserError, match="--microscope scope.json.*--microscope training"):
        models.load({"cells": locating}, {})
    profile = Profile.of_reference(REFERENCE)
    write_json(tmp_path / "scope.json", profile.to_json())
    scopes = models.microscopes([str(tmp_path / "scope.json"), "b=training"])
    assert scopes == {"": Microscope.given(Profile.read(tmp_path / "scope.json")), "b": Microscope()}
    served = models.load({"a": locating, "b": locating, "tiny": bundle}, scopes, threads=1)
    assert [model.model.microscope for model in served] == [scopes[""], Microscope(), Microscope()]
    described = served[0].metadata()["parameters"]
    assert described["microscope"]["sha256"] == Profile.read(tmp_path / "scope.json").sha256
    assert "microscope" not in served[2].metadata()["parameters"]


def test_a_microscope_that_no_model_needs(bundle: Bundle) -> None:
    """It is named for nothing, for a model that takes images as they are, or twice."""
    with pytest.raises(UserError, match="no such model; the models are tiny"):
        models.load({"tiny": bundle}, {"other": Microscope()})
    with pytest.raises(UserError, match="takes images as they are"):
        models.load({"tiny": bundle}, {"tiny": Microscope()})
    with pytest.raises(UserError, match="has two microscopes"):
        models.microscopes(["a=training", "a=training"])
