"""Recipes."""

import pytest

from edgewbc import assets
from edgewbc.errors import UserError
from edgewbc.train.recipe import PruneRecipe, TrainRecipe, parse_changes, read, write


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe and give its path."""

    def make(text):
        path = tmp_path / "r.yaml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("file", sorted(assets.folder("recipes").rglob("*.yaml")), ids=str)
def test_every_shipped_recipe_is_valid(file):
    """Each shipped recipe is one for training or one for pruning."""
    kind = PruneRecipe if "keep_macs" in file.read_text() else TrainRecipe
    parts = file.relative_to(assets.folder("recipes")).with_suffix("").parts
    assert read(file, kind).name == "-".join(parts)


def test_defaults_and_round_trip(recipe):
    """The resolved recipe, written and read, is the same."""
    first = read(recipe("name: mine\nfit: {epochs: 3}\n"), TrainRecipe)
    assert (first.fit.epochs, first.fit.batch, first.model.arch) == (3, 32, "vgg16gap")
    assert read(recipe(write(first)), TrainRecipe) == first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nfit:\n  epochs: 2\n  epocs: 3\n", r"line 4: fit.epocs: no such key"),
        ("name: a\nfit:\n  batch: 2\n  lr: -1\n", r"line 4: fit.lr: .*greater than 0"),
        ("name: a\nfit:\n  augment:\n    rotate: 900\n", r"line 4: fit.augment.rotate: .*180"),
        ("name: a\nmodel:\n  input: {crop: centre}\n", r"line 3: model.input: crop: centre needs a size"),
        ("name: a\n\nfit: [1\n", r"line \d+: not YAML"),
        ("fit: {epochs: 2}\n", r"line 1: name: Field required"),
        ("name: ../../up\n", r"line 1: name: "),
        ("- a\n", r"a recipe is keys and values"),
    ],
)
def test_mistakes_are_named_with_their_line(recipe, text, message):
    """An unknown key or a wrong value is refused in one line with the file and the line."""
    path = recipe(text)
    with pytest.raises(UserError, match=message) as caught:
        read(path, TrainRecipe)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_changes_override(recipe):
    """Dotted changes reach into sections, made at need, with YAML values."""
    changes = parse_changes(["fit.epochs=7", "fit.augment.flip=false", "weights=none"])
    got = read(recipe("name: a\nfit: {epochs: 1}\n"), TrainRecipe, changes)
    assert (got.fit.epochs, got.fit.augment.flip, got.weights) == (7, False, "none")


def test_a_change_that_is_no_pair():
    """A change without `=` is a user's error."""
    with pytest.raises(UserError, match="key=value"):
        parse_changes(["fit.epochs"])


def test_width_scales_the_channels(recipe):
    """An eighth of the width keeps the layout and gives multiples of 8."""
    spec = read(recipe("name: a\nmodel: {width: 0.125}\n"), TrainRecipe).model.spec(("a", "b"))
    assert spec.channels[:6] == (8, 8, "M", 16, 16, "M")
    assert spec.channels[-2:] == (64, "M")
    assert len(spec.channels) == 18
