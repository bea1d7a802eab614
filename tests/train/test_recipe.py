"""Recipes."""

import pytest

from edgewbc.errors import UserError
from edgewbc.train.recipe import Model, PruneRecipe, TrainRecipe, parse_changes, read, write
from edgewbc.utils import resources


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe and give its path."""

    def make(text):
        path = tmp_path / "r.yaml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("file", sorted(resources.folder("recipes").rglob("*.yaml")), ids=str)
def test_every_shipped_recipe_is_valid(file):
    """Each shipped recipe is one for training or one for pruning."""
    kind = PruneRecipe if "keep_macs" in file.read_text() else TrainRecipe
    parts = file.relative_to(resources.folder("recipes")).with_suffix("").parts
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


def test_each_architecture_has_its_own(recipe):
    """What is not given is the architecture's: channels, head, form, and what its weights expect of pixels."""
    lite = read(recipe("name: a\nmodel: {arch: efficientnet-lite0}\n"), TrainRecipe).model.spec(("a", "b"))
    assert (lite.head, lite.form, lite.channels[-1]) == ((), "bn", 1280)
    assert lite.pixels.mean == (127 / 255,) * 3
    assert lite.pixels.std == (128 / 255,) * 3
    edge = read(recipe("name: a\nmodel: {arch: edgenet, width: 1.5, multiple: 16}\n"), TrainRecipe).model
    assert edge.spec(("a",), pretrained=False).channels == ("/", 32, "/", 48, 48, "/", 96, 96, "/", 192, 192)
    assert edge.spec(("a",), pretrained=False).form == "branches"
    given = read(recipe("name: a\nmodel: {arch: edgenet, form: bn, channels: [D, 16, /, 32]}\n"), TrainRecipe).model
    assert given.spec(("a",)).channels == ("D", 16, "/", 32)


def test_the_network_of_a_spec(recipe):
    """A model made of a pruned network's description gives that description, in the form that is trained first."""
    from dataclasses import replace

    text = "name: a\nmodel: {arch: edgenet, channels: [/, 16, 24], input: {crop: centre, size: 30}}\n"
    spec = read(recipe(text), TrainRecipe).model.spec(("a", "b"), pretrained=False)
    assert Model.of(replace(spec, form="plain")).spec(("a", "b"), pretrained=False) == spec


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("{arch: vgg16gap, form: bn}", "vgg16gap has no form bn: use plain"),
        ("{arch: edgenet, channels: [8], width: 2}", "either the channels or a width"),
        ("{arch: vgg16gap, channels: [8, /, 8]}", "vgg16gap has no '/' among its channels"),
        ("{arch: efficientnet-lite0, channels: [8, 8]}", "takes 33 channel counts"),
        ("{arch: resnet}", "model.arch"),
    ],
)
def test_what_an_architecture_has_not_is_refused(recipe, model, message):
    """A form, a mark or a number of channels that an architecture does not have is one line."""
    with pytest.raises(UserError, match=message):
        read(recipe(f"name: a\nmodel: {model}\n"), TrainRecipe)
