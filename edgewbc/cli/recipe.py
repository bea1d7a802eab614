"""`edgewbc recipe`: list, show, check and start recipes."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, wrote

if TYPE_CHECKING:
    from edgewbc.train.recipe import Section

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show, check and start recipes.")


class RecipeKind(StrEnum):
    """Commands that take a recipe."""

    TRAIN = "train"
    PRUNE = "prune"
    QAT = "qat"


Which = Annotated[
    RecipeKind | None,
    typer.Option(help="Command of the recipe: train, prune or qat. [default: inferred from its keys]"),
]
Change = Annotated[
    list[str] | None, typer.Option("--set", help="Set a key of the recipe, such as fit.epochs=2; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
NAME = typer.Argument(metavar="RECIPE", help="YAML file or name of a built-in recipe.")


def section(kind: RecipeKind) -> type[Section]:
    """Return the class of a kind of recipe."""
    from edgewbc.train import recipe

    if kind == RecipeKind.QAT:
        from edgewbc.compress.qat import QatRecipe

        return QatRecipe
    return recipe.PruneRecipe if kind == RecipeKind.PRUNE else recipe.TrainRecipe


def kind_of(path: Path) -> RecipeKind:
    """Return the command that a recipe is for: by its keys, and for qat by its name."""
    import yaml

    from edgewbc.train.recipe import PruneRecipe, TrainRecipe

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return RecipeKind.TRAIN  # reading it says what is wrong
    found = set(values) if isinstance(values, dict) else set()
    if found & (PruneRecipe.model_fields.keys() - TrainRecipe.model_fields.keys()):
        return RecipeKind.PRUNE
    if not found & {"model", "weights"} and path.stem.startswith("qat"):
        return RecipeKind.QAT
    return RecipeKind.TRAIN


@app.command("list")
def list_recipes(json: Json = False) -> None:
    """List the built-in recipes: name, command and first sentence.

    \b
    Example:
      edgewbc recipe list
    """
    from edgewbc.utils import resources
    from edgewbc.utils.text import table

    _need()
    rows = []
    for name, file in resources.recipes().items():
        lines = []
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("# "))
        first = re.split(r"(?<!et al)\. ", " ".join(lines))[0].rstrip(".") + "."
        rows.append([name, kind_of(file).value, first])
    if json:
        emit([dict(zip(("name", "command", "about"), row, strict=True)) for row in rows])
    else:
        print(table(["recipe", "command", "about"], rows, 3))


@app.command()
def show(name: Annotated[str, NAME], change: Change = None, kind: Which = None, json: Json = False) -> None:
    """Print a recipe with every key, defaults included, as the run folder will hold it.

    \b
    Example:
      edgewbc recipe show vgg16gap-112 --set fit.lr=3e-4
    """
    from edgewbc.cli import defaults
    from edgewbc.train.recipe_file import parse_changes, read, write

    _need()
    file = defaults.recipe(name)
    found = read(file, section(kind or kind_of(file)), parse_changes(change or []))
    emit(found.model_dump(mode="json")) if json else print(write(found), end="")


@app.command()
def check(
    names: Annotated[list[str], typer.Argument(metavar="RECIPE...", help="YAML files or names of built-in recipes.")],
    kind: Which = None,
) -> None:
    """Check recipes: unknown keys, wrong types and values, with the line. Exits with 2 at the first that is wrong.

    \b
    Example:
      edgewbc recipe check mine.yaml
    """
    from edgewbc.cli import defaults
    from edgewbc.train.recipe_file import read

    _need()
    for name in names:
        file = defaults.recipe(name)
        chosen = kind or kind_of(file)
        read(file, section(chosen))
        print(f"{file}: a recipe for edgewbc {'quantize --qat' if chosen == RecipeKind.QAT else chosen}")


@app.command()
def new(
    to: Annotated[Path, typer.Option(help="YAML file to create.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="RECIPE", help="Recipe to copy. [default: all keys, commented out]")
    ] = None,
    kind: Annotated[
        RecipeKind, typer.Option(help="Command that the recipe is for: train, prune or qat.")
    ] = RecipeKind.TRAIN,
) -> None:
    """Write a new recipe: every key with its default and meaning, commented out, or a copy of another recipe.

    \b
    Example:
      edgewbc recipe new --to mine.yaml
      edgewbc train --recipe mine.yaml
    """
    from edgewbc.cli import defaults
    from edgewbc.errors import UserError
    from edgewbc.train.recipe_reference import template
    from edgewbc.utils.files import write_text

    _need()
    if to.exists():
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    copied = None if start is None else defaults.recipe(start).read_text(encoding="utf-8")
    write_text(to, template(section(kind), to.stem) if copied is None else copied)
    wrote(to)


@app.command()
def schema(kind: Annotated[RecipeKind, typer.Option(help="train, prune or qat.")] = RecipeKind.TRAIN) -> None:
    """Print the JSON Schema of recipes, by which editors complete and check YAML files.

    \b
    Example:
      edgewbc recipe schema > recipe.schema.json
    """
    from edgewbc.train import recipe_reference

    _need()
    print(recipe_reference.schema(section(kind)), end="")


def _need() -> None:
    from edgewbc.utils.optional import need

    for module in ("pydantic", "yaml"):
        need(module, "edgewbc recipe")
