"""`edgewbc data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import emit, progress, wrote

if TYPE_CHECKING:
    from edgewbc.data.manifest import Manifest

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, describe and check sets of pictures.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
To = Annotated[Path, typer.Option(help="Folder to make.")]
Seed = Annotated[int, typer.Option(min=0, help="Determines what is drawn at random.")]


@app.command()
def synth(
    to: To,
    cells: Annotated[int, typer.Option(min=3, help="Single cells of each of the five classes.")] = 100,
    fields: Annotated[int, typer.Option(min=0, help="Whole fields, with boxes in fields/boxes.csv.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Height and width of a cell's picture, pixels.")] = 96,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Draw synthetic smears: five types of white cells among red cells, on slides that are stained differently.

    They are for trying things out and for tests, and say nothing about accuracy on real cells. The folder is a
    manifest too (protocol grouped, by slide), which other commands take with --data.

    \b
    Example:
      edgewbc data synth --to cells --cells 200 --fields 10
    """
    from edgewbc.data import describe
    from edgewbc.data.sources import make
    from edgewbc.synth.cells import write

    write(to, cells, fields, seed, size, progress=progress)
    manifest = make("synthetic", to, seed=seed)
    manifest.write(to)
    emit(describe.summary(manifest, to)) if json else print(describe.text(manifest, to))


@app.command()
def augment(
    where: Annotated[Path, typer.Argument(metavar="MANIFEST", help="Manifest of the originals; every side is taken.")],
    to: To,
    total: Annotated[int, typer.Option(min=1, help="Pictures to draw, as many of each class.")] = 12515,
    seed: Seed = 0,
    height: Annotated[int, typer.Option(min=16, max=4096, help="Of the new pictures, pixels.")] = 240,
    width: Annotated[int, typer.Option(min=16, max=4096, help="Of the new pictures, pixels.")] = 320,
    protocol: Annotated[str, typer.Option(help="grouped (by original) or poster (by picture).")] = "grouped",
    json: Json = False,
) -> None:
    """Draw the poster's augmented set: turned, shifted, sheared and flipped copies of a few originals, balanced.

    Rotation to 20 degrees, shift to 10 %, shear to 0.2, both flips, black where nothing was. The folder is a manifest
    too, whose groups are the originals; for the other protocol over the same pictures, make a second manifest of it.

    \b
    Example:
      edgewbc data augment manifests/bccd --to bccd-augmented
      edgewbc data manifest augmented bccd-augmented --protocol poster --to manifests/poster
    """
    from edgewbc.data import describe
    from edgewbc.data.augmented_set import write
    from edgewbc.data.manifest import Manifest
    from edgewbc.data.sources import make, protocol_of

    protocol = protocol_of("augmented", protocol)  # before the drawing, which takes its time
    write(Manifest.read(where), to, total, seed=seed, height=height, width=width, progress=progress)
    made = make("augmented", to, protocol=protocol, seed=seed)
    made.write(to)
    emit(describe.summary(made, to)) if json else print(describe.text(made, to))


@app.command()
def manifest(
    source: Annotated[
        str, typer.Argument(help="folder (one folder per class), pbc, bccd, kaggle-bccd, jtsc, synthetic or augmented.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the pictures are.")],
    to: To,
    protocol: Annotated[
        str | None, typer.Option(help="published, official, grouped, poster or external (default: by the source).")
    ] = None,
    seed: Seed = 0,
    classes: Annotated[str | None, typer.Option(help="Classes to take, with commas (default: the source's).")] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(help="For folder: regular expression on the path; its first bracket names slide or patient."),
    ] = None,
    json: Json = False,
) -> None:
    """Write down which picture has which label and stands on which side of the split.

    Groups (original picture, slide or patient) are kept on one side by `grouped` and `official`, not by `poster`.

    \b
    Example:
      edgewbc data manifest folder my-cells --to manifests/mine --group-pattern '(slide[0-9]+)'
    """
    from edgewbc.data import describe
    from edgewbc.data.sources import make

    wanted = None if classes is None else classes.split(",")
    made = make(source, folder, protocol=protocol, seed=seed, classes=wanted, group_pattern=group_pattern)
    made.write(to)
    emit(describe.summary(made, to)) if json else print(describe.text(made, to))


@app.command()
def audit(
    where: Annotated[Path | None, typer.Argument(metavar="M", help="Manifest (default: the newest here).")] = None,
    data: Annotated[Path | None, typer.Option(help="Another way to name the manifest.")] = None,
    near: Annotated[bool, typer.Option(help="Look for near duplicates too.")] = True,
    labels: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Rank doubtful labels instead, by the features of a run, or of imagenet."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="With --labels: folder to make (default: label-audits/<source>).")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="With --labels: heads, each fitted without its own part.")] = 5,
    centre: Annotated[
        int | None, typer.Option(min=1, help="With --labels: side of the central square to look at, pixels.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(min=0.1, help="With --labels: side of the square around a box, in boxes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result here as JSON.")] = None,
    json: Json = False,
) -> None:
    """Find unusable pictures, duplicates, labels that disagree, and leaks between train, val and test.

    Exits 3 if a group or a duplicate is on more than one side, 2 if a picture cannot be used.

    With --labels: find labels that are likely wrong. Every cell is judged by a head that saw neither it nor its group;
    a folder with labels.csv and a contact sheet (sheet.html, sheet.png) is for a person to look at. No label changes,
    and flags are no failure. A network that was trained on these labels finds too little: imagenet saw none.

    \b
    Example:
      edgewbc data audit manifests/mine
      edgewbc data audit manifests/mine --labels imagenet --to doubtful
    """
    from edgewbc.cli import defaults
    from edgewbc.data import audit as checks
    from edgewbc.errors import UserError
    from edgewbc.utils.files import write_json

    if where is not None and data is not None and where != data:
        raise UserError(f"{where} and --data {data}: name one manifest")
    if labels is None and (to, centre, scale) != (None, None, None):
        raise UserError("--to, --centre and --scale go with --labels RUN")
    if labels is not None:
        chosen = defaults.manifest(where or data)
        _labels(chosen, labels, to, {"centre": centre, "scale": scale, "folds": folds, "near": near}, out, json)
        return
    found = checks.audit(defaults.manifest(where or data), near=near, progress=progress)
    if out is not None:
        write_json(out, found.to_dict())
        wrote(out)
    emit(found.to_dict()) if json else print(found.to_text())
    found.check()


def _labels(
    chosen: Manifest, network: str, to: Path | None, options: dict[str, Any], out: Path | None, json: bool
) -> None:
    from edgewbc.cli.console import say
    from edgewbc.data import label_audit
    from edgewbc.report import contact_sheet
    from edgewbc.report import labels as words
    from edgewbc.utils.files import write_json

    folder = contact_sheet.folder(to, str(chosen.provenance.source or "labels"))
    found = label_audit.run(chosen, network, **options, progress=progress)
    contact_sheet.write(found, folder, progress)
    result = found.to_dict()
    if out is not None:
        write_json(out, result)
        wrote(out)
    emit({**result, "folder": str(folder)}) if json else print(words.text(found))
    say(f"look at: {folder / contact_sheet.SHEET} ({folder / 'labels.csv'} has all cells)")
