"""Tests of `edgewbc.train.recipe_file`: reading and writing recipes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.compress.qat import QatRecipe
from edgewbc.errors import UserError
from edgewbc.train.recipe import PruneRecipe, TrainRecipe
from edgewbc.train.recipe_file import parse_changes, read, write
from edgewbc.utils import resources

Make = Callable[[str], Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Make:
    """Writes a recipe and returns its path."""

    def make(text: str) -> Path:
        path = tmp_path / "r.yaml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(resources.folder("recipes").rglob("*.yaml")) if file.parent.name != "codes"],
    ids=str,
)
def test_built_in_recipes_are_valid(file: Path) -> None:
    """Each built-in recipe is valid and has the name of its file."""
    parts = file.relative_to(resources.folder("recipes")).with_suffix("").parts
    if parts == ("qat",):
        assert read(file, QatRecipe).name == "qat"
    elif "keep_macs" in file.read_text():
        assert read(file, PruneRecipe).name == "-".join(parts)
    else:
        assert read(file, TrainRecipe).name == "-".join(parts)


def test_defaults_and_round_trip(recipe: Make) -> None:
    """The complete recipe, written and read, is the same."""
    first = read(recipe("name: mine\nfit: {epochs: 3}\n"), TrainRecipe)
    assert (first.fit.epochs, first.fit.batch, first.model.arch) == (3, 32, "vgg16gap")
    assert read(recipe(write(first)), TrainRecipe) == first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nfit:\n  epochs: 2\n  epocs: 3\n", r"line 4: fit.epocs: no such key; did you mean fit.epochs\?$"),
        ("name: a\nzzz: 2\n", r"line 2: zzz: no such key; use name, weights, weights_scaling, model, fit, distil"),
        ("name: a\nfit:\n  batch: 2\n  lr: -1\n", r"line 4: fit.lr: .*greater than 0"),
        ("name: a\nfit:\n  augment:\n    rotate: 900\n", r"line 4: fit.augment.rotate: .*180"),
        ("name: a\nmodel:\n  input: {crop: centre}\n", r"line 3: model.input: crop: centre needs a size"),
        ("name: a\n\nfit: [1\n", r"line \d+: not YAML"),
        ("fit: {epochs: 2}\n", r"line 1: name: Field required"),
        ("name: ../../up\n", r"line 1: name: "),
        ("- a\n", r"a recipe is a mapping of keys to values"),
        ("name: a\nfit:\n  lr: 0.1\n  batch: 2\n  lr: 0.2\n", r"line 5: lr: the key occurs twice"),
        ("name: a\nfit: {lr: .inf}\n", r"line 2: fit.lr: Input should be a finite number"),
    ],
)
def test_errors_name_file_and_line(recipe: Make, text: str, message: str) -> None:
    """An unknown key or a wrong value is an error of one line with the file and the line."""
    path = recipe(text)
    with pytest.raises(UserError, match=message) as caught:
        read(path, TrainRecipe)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs=2", r"^--set epochs: no such key; did you mean fit.epochs\?$"),
        ("fit.epocs=2", r"^--set fit.epocs: no such key; did you mean fit.epochs\?$"),
        ("fit.lr=-1", r"^--set fit.lr: .*greater than 0"),
        ("model.input.crop=centre", r"^--set model.input.crop: model.input: crop: centre needs a size"),
        ("foo.bar=2", r"^--set foo.bar: foo: no such key; use name, "),
        ("fit.lr=.inf", r"^--set fit.lr: Input should be a finite number"),
        ("name.first=2", r"^--set name.first: name is a value, not a section"),
        ("fit.epochs", r"^--set fit.epochs: write it as key=value"),
        ("fit.epochs=[", r"^--set fit.epochs=\[: the value is not YAML"),
    ],
)
def test_errors_name_the_change_that_caused_them(recipe: Make, change: str, message: str) -> None:
    """If `--set` is at fault, the message names it, not a line of the file."""
    with pytest.raises(UserError, match=message):
        read(recipe("name: a\nfit:\n  batch: 2\n"), TrainRecipe, parse_changes([change]))


def test_changes_replace_values(recipe: Make) -> None:
    """Dotted keys reach into sections, which are made if they are missing; values are YAML."""
    changes = parse_changes(["fit.epochs=7", "fit.augment.flip=false", "weights=none"])
    changed = read(recipe("name: a\nfit: {epochs: 1}\n"), TrainRecipe, changes)
    assert (changed.fit.epochs, changed.fit.augment.flip, changed.weights) == (7, False, "none")


def test_former_names_of_keys_are_read(recipe: Make) -> None:
    """A key that was renamed is read under both names, in the file and in a change; a change wins over the file."""
    for name in ("pictures", "images"):
        assert read(recipe(f"name: a\n{name}: 16\n"), PruneRecipe).images == 16
        for change in ("pictures", "images"):
            assert read(recipe(f"name: a\n{name}: 16\n"), PruneRecipe, {change: 8}).images == 8
    nested = recipe("name: a\nfit: {augment: {colour: 0.3}}\n")
    assert read(nested, TrainRecipe).fit.augment.color == 0.3
    assert read(nested, TrainRecipe, {"fit.augment.colour": 0.2}).fit.augment.color == 0.2


def test_errors_name_the_option_that_was_typed(recipe: Make) -> None:
    """A value that an option of the command set is reported under that option."""
    with pytest.raises(UserError, match=r"^--keep-macs: 2.0: Input should be less than or equal to 1$"):
        read(recipe("name: a\n"), PruneRecipe, {"keep_macs": 2.0}, {"keep_macs": "--keep-macs"})
    with pytest.raises(UserError, match=r"^--set fit.lr: "):
        read(recipe("name: a\n"), PruneRecipe, {"fit.lr": -1, "keep_macs": 0.5}, {"keep_macs": "--keep-macs"})


def test_recipe_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    """The message names the file and the byte."""
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: \xff")
    with pytest.raises(UserError, match=r"latin.yaml: the recipe is not UTF-8 \(byte 6\)"):
        read(path, TrainRecipe)
