"""Write docs/recipe-reference.md and docs/recipe.schema.json: `python docs/make_recipes.py [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgewbc.cli.recipe import RecipeKind, section
from edgewbc.train import recipe_reference

FOLDER = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return the text of each file."""
    kinds = {f"edgewbc {'quantize --qat' if kind == RecipeKind.QAT else kind}": section(kind) for kind in RecipeKind}
    return {
        FOLDER / "recipe-reference.md": recipe_reference.page(kinds),
        FOLDER / "recipe.schema.json": recipe_reference.schema(section(RecipeKind.TRAIN)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files; with --check, return 3 if one is not current and change nothing."""
    parser = argparse.ArgumentParser(prog="python docs/make_recipes.py", description="Write the recipe reference.")
    parser.add_argument("--check", action="store_true", help="exit with 3 if a file is not current; write nothing")
    options = parser.parse_args(arguments)
    for path, text in files().items():
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path}: is not current: run python docs/make_recipes.py", file=sys.stderr)
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
