"""Tests of edgewbc.nets.spec."""

import json
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.nets.spec import ModelSpec, kind, library
from edgewbc.pixels import PixelSpec

SPEC = ModelSpec("vgg16gap", ("a", "b"), PixelSpec(30, 40, "centre", 25), (4, "M", 8), (6,), 0.1, {"k": 1})


def test_round_trip(tmp_path: Path) -> None:
    """A spec that is written and read back is unchanged."""
    SPEC.write(tmp_path / "model.json")
    assert ModelSpec.read(tmp_path / "model.json") == SPEC


@pytest.mark.parametrize(
    "change", [{"arch": "resnet"}, {"format": 99}, {"channels": ["x"]}, {"pixels": {"height": 1}}, {"head": 3}]
)
def test_wrong_values_are_one_line(tmp_path: Path, change: dict[str, object]) -> None:
    """A model.json with a wrong value is rejected with an error of one line that names it."""
    (tmp_path / "model.json").write_text(json.dumps({**SPEC.to_dict(), **change}))
    with pytest.raises(UserError, match=r"model.json: not a model.json that this edgewbc reads") as caught:
        ModelSpec.read(tmp_path / "model.json")
    assert "\n" not in str(caught.value)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    """A missing or malformed file raises UserError."""
    with pytest.raises(UserError, match="no such file"):
        ModelSpec.read(tmp_path / "model.json")
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        ModelSpec.read(tmp_path / "model.json")


def test_names_of_library_networks() -> None:
    """`LIBRARY:NAME` needs both; a network of a library has no channels before it is pruned."""
    assert library("timm:resnet18") == ("timm", "resnet18")
    assert [library(arch) for arch in ("timm:", "timm", ":resnet18", "keras:resnet18", "vgg16gap")] == [None] * 5
    assert (kind("torchvision:resnet18").channels, kind("torchvision:resnet18").forms) == ((), ("plain",))
    with pytest.raises(ValueError, match="timm:"):
        kind("timm:")
