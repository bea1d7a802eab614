"""Tests of `edgewbc.train.recipe_reference` and of the pages that are made from it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import yaml

from edgewbc.cli.recipe import RecipeKind, section
from edgewbc.train import recipe_reference
from edgewbc.train.recipe import TrainRecipe
from edgewbc.train.recipe_file import read
from tests.docs.blocks import TOP


@pytest.mark.parametrize("kind", RecipeKind)
def test_every_key_is_documented(kind: RecipeKind) -> None:
    """Each key has a type and a meaning."""
    found = list(recipe_reference.keys(section(kind)))
    assert len(found) > 40
    assert [key.name for key in found if not key.meaning or not key.kind or "typing" in key.kind] == []


def test_types_are_in_words() -> None:
    """Choices, limits and defaults are as the schema has them."""
    keys = {key.name: key for key in recipe_reference.keys(TrainRecipe)}
    assert keys["name"].default == ""
    assert (keys["fit.optimizer"].kind, keys["fit.optimizer"].default) == ("adamw, sgd", "adamw")
    assert (keys["fit.lr"].kind, keys["fit.lr"].default) == ("number, > 0", "0.0001")
    assert keys["fit.batch"].kind == "whole number >= 1 or auto"
    assert keys["fit.epochs"].kind == "whole number, >= 1"
    assert keys["weights_scaling"].kind == "caffe, imagenet, inception, lite, none or null"
    assert keys["fit.augment.flip"].default == "true"


def test_pages_are_current() -> None:
    """What `python docs/make_recipes.py` would write is what is committed."""
    maker = runpy.run_path(str(TOP / "docs" / "make_recipes.py"))
    assert maker["main"](["--check"]) == 0


@pytest.mark.parametrize("kind", RecipeKind)
def test_templates_are_recipes(kind: RecipeKind, tmp_path: Path) -> None:
    """A template is a recipe as it is, if its command needs no more, and with every key uncommented."""
    text = recipe_reference.template(section(kind), "mine")
    head, *lines = text.splitlines()
    whole = tmp_path / "whole.yaml"
    whole.write_text("\n".join(line.replace("#", "", 1) for line in lines), encoding="utf-8")
    changes = {"fit.precision": "f32"} if kind == RecipeKind.QAT else {}
    assert read(whole, section(kind), changes).model_dump()["name"] == "mine"
    assert yaml.safe_load(text) == {"name": "mine"}
    assert head.startswith("# Recipe of `edgewbc ")


def test_schema() -> None:
    """The JSON Schema has the limits and refuses other keys."""
    schema = json.loads(recipe_reference.schema(TrainRecipe))
    fit = schema["$defs"]["Fit"]
    assert fit["additionalProperties"] is False
    assert fit["properties"]["epochs"] == {
        "default": 5, "minimum": 1, "title": "Epochs", "type": "integer",
        "description": "passes over the training images",
    }  # fmt: skip
