"""`edgewbc microscope`: learn what the images of a microscope look like, and show it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, progress, say, wrote
from edgewbc.errors import GateError, UserError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Learn what a microscope's images look like, so that a model can be used on them.",
)


@app.command()
def learn(
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders of images, all of one microscope.")],
    to: Annotated[Path, typer.Option(help="Profile to write, a JSON file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the profile as one JSON object on stdout.")] = False,
) -> None:
    """Learn the profile of a microscope from unlabeled images: size of cells, background and stain.

    Up to 200 images are used, evenly spread. Fields and images of single cells will do, 50 or more of one microscope
    and one stain. `edgewbc classify --microscope` uses the profile with a model that locates cells. Exits with 3 if the
    profile is unreliable: learned from too few cells, or from two microscopes or stains.

    \b
    Example:
      edgewbc microscope learn smear-17 --to scope.json
    """
    from edgewbc.images.discover import search
    from edgewbc.lab import microscope
    from edgewbc.utils.files import write_json

    names = search(paths, [to]).names
    profile = microscope.learn(names, progress)
    if profile is None:
        raise UserError(f"no white cell was located in {len(names)} images: name images of stained smears")
    write_json(to, profile.to_json())
    wrote(to)
    red = "" if profile.red_cell is None else f", red cells {profile.red_cell:.0f} pixels across"
    say(
        f"{profile.images} images with {profile.cells} white cells: nuclei {profile.nucleus:.0f} pixels across{red}, "
        f"background {', '.join(f'{level:.0f}' for level in profile.background)} (red, green, blue)"
    )
    for remark in profile.remarks:
        say(remark)
    if as_json:
        emit({**profile.to_json(), "sha256": profile.sha256, "problems": profile.problems})
    if profile.problems:
        raise GateError(f"{to}: is not to be relied on: {'; '.join(profile.problems)}")


@app.command()
def show(
    scope: Annotated[Path, typer.Argument(metavar="JSON", help="Profile, from `edgewbc microscope learn`.")],
    to: Annotated[Path, typer.Option(help="Page to write, an HTML file.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of images of the microscope, to show what is located in them.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Bundle that locates cells, to show them as it sees them. [default: the shipped one]"),
    ] = None,
) -> None:
    """Draw a page about a profile: what was seen, and cells before and after mapping to the training images.

    The page is one file without links to anything else; it holds a few of the images.

    \b
    Example:
      edgewbc microscope show scope.json --images smear-17 --to scope.html
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.images.discover import search
    from edgewbc.lab import microscope
    from edgewbc.lab.microscope_page import Gallery, page
    from edgewbc.smear.microscope import Profile
    from edgewbc.utils.files import write_text

    profile = Profile.read(scope)
    bundle = Bundle.open(defaults.bundle(model))
    spec = bundle.pixels if bundle.pixels.crop == "cell" else None
    if spec is None and model is not None:
        raise UserError(
            f"{model}: takes images as they are (crop {bundle.pixels.crop}); name a bundle that locates cells"
        )
    gallery = Gallery(profile, spec)
    if images is not None:
        for _, pixels, seen in microscope.observations(search([images], [to]).names, progress):
            gallery.add(pixels, seen)
    write_text(to, page(profile, scope.name, gallery, "" if spec is None else bundle.manifest.name))
    wrote(to)
