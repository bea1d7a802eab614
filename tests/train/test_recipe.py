"""Tests of `edgewbc.train.recipe`: the schema of recipes."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from edgewbc.train.recipe import NORMALIZATIONS, ModelRecipe, WeightsScaling


def model_recipe(**values: Any) -> ModelRecipe:
    """A valid model section."""
    return ModelRecipe.model_validate(values)


def test_width_scales_the_channels() -> None:
    """An eighth of the width keeps the layout and gives multiples of 8."""
    spec = model_recipe(width=0.125).spec(("a", "b"))
    assert spec.channels[:6] == (8, 8, "M", 16, 16, "M")
    assert spec.channels[-2:] == (64, "M")
    assert len(spec.channels) == 18


def test_defaults_of_each_architecture() -> None:
    """Channels, head and form that are not given are the architecture's own."""
    lite = model_recipe(arch="efficientnet-lite0").spec(("a", "b"))
    assert (lite.head, lite.form, lite.channels[-1]) == ((), "bn", 1280)
    edge = model_recipe(arch="edgenet", width=1.5, multiple=16).spec(("a",))
    assert edge.channels == ("/", 32, "/", 48, 48, "/", 96, 96, "/", 192, 192)
    assert edge.form == "branches"
    given = model_recipe(arch="edgenet", form="bn", channels=["D", 16, "/", 32]).spec(("a",))
    assert (given.channels, given.form) == (("D", 16, "/", 32), "bn")


def test_normalization_is_part_of_the_description() -> None:
    """The input has the normalization of the start weights."""
    spec = model_recipe().spec(("a",), NORMALIZATIONS[WeightsScaling.LITE])
    assert spec.pixels.mean == (127 / 255,) * 3
    assert spec.pixels.std == (128 / 255,) * 3


def test_recipe_of_an_existing_network() -> None:
    """The recipe made of a network's description gives that description, in the form that is trained first."""
    recipe = model_recipe(arch="edgenet", channels=["/", 16, 24], input={"crop": "centre", "size": 30})
    spec = recipe.spec(("a", "b"))
    assert ModelRecipe.of(replace(spec, form="plain")).spec(("a", "b")) == spec


def test_a_network_of_a_library() -> None:
    spec = model_recipe(arch="timm:resnet18", input={"height": 64, "width": 48}).spec(("a", "b"))
    assert (spec.arch, spec.channels, spec.head, spec.form) == ("timm:resnet18", (), (), "plain")
    assert ModelRecipe.of(spec).spec(("a", "b")) == spec


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arch": "vgg16gap", "form": "bn"}, "vgg16gap has no form bn: use plain"),
        ({"arch": "edgenet", "channels": [8], "width": 2}, "either the channels or a width"),
        ({"arch": "vgg16gap", "channels": [8, "/", 8]}, "vgg16gap has no '/' among its channels"),
        ({"arch": "efficientnet-lite0", "channels": [8, 8]}, "takes 33 channel counts"),
        ({"arch": "resnet"}, "edgenet, timm:NAME, torchvision:NAME"),
        ({"arch": "timm:resnet18", "width": 0.5}, r"timm:resnet18 takes no model.width \(0.5\): use --recipe timm"),
        ({"arch": "timm:resnet18", "form": "bn"}, "use plain"),
    ],
)
def test_unsupported_architectures(values: dict[str, Any], message: str) -> None:
    """A form, a mark or a number of channels that the architecture does not have is an error."""
    with pytest.raises(ValidationError, match=message):
        model_recipe(**values)
