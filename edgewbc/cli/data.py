"""`edgewbc data`: create, join, split and describe labeled data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli import data_audit
from edgewbc.cli.console import emit, progress, say, wrote
from edgewbc.cli.options import Json

if TYPE_CHECKING:
    from edgewbc.data.manifest import Manifest
    from edgewbc.data.sources.scan import SourceCells
    from edgewbc.data.sources.table import LabelTable

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Create, describe and check labeled data sets.")

To = Annotated[Path, typer.Option(help="Folder to create.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]


@app.command()
def synth(
    to: To,
    cells: Annotated[int, typer.Option(min=3, help="Number of cell images per class.")] = 100,
    fields: Annotated[
        int, typer.Option(min=0, help="Number of fields with several cells; their boxes are in fields/boxes.csv.")
    ] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Height and width of a cell image, in pixels.")] = 96,
    eight: Annotated[
        bool, typer.Option("--eight", help="Draw immature granulocytes, erythroblasts and platelets as well.")
    ] = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Draw synthetic smears: five types of white blood cells among red cells, on slides with different stains.

    The images are for demos and tests; accuracy on them says nothing about real cells. The folder is also a manifest
    (protocol grouped, by slide) that other commands accept as --data.

    \b
    Example:
      edgewbc data synth --to cells --cells 200 --fields 10
    """
    from edgewbc.cells import CLASSES, OTHER_CLASSES
    from edgewbc.data.sources import make
    from edgewbc.synth.cells import write

    classes = CLASSES + OTHER_CLASSES * eight
    write(to, cells, fields, seed, size, progress=progress, classes=classes)
    _write(make("synthetic", to, seed=seed), to, json)


@app.command()
def augment(
    where: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Manifest of the original images; all its splits are used.")
    ],
    to: To,
    total: Annotated[int, typer.Option(min=1, help="Number of images to draw, divided equally among classes.")] = 12515,
    seed: Seed = 0,
    height: Annotated[int, typer.Option(min=16, max=4096, help="Height of the new images, in pixels.")] = 240,
    width: Annotated[int, typer.Option(min=16, max=4096, help="Width of the new images, in pixels.")] = 320,
    protocol: Annotated[str, typer.Option(help="grouped (by original image) or poster (by drawn image).")] = "grouped",
    json: Json = False,
) -> None:
    """Draw an augmented data set: rotated, shifted, sheared and flipped copies, balanced by class.

    Rotation up to 20 degrees, shift up to 10 %, shear up to 0.2 rad, horizontal and vertical flips; uncovered areas are
    black. The folder is also a manifest whose groups are the original images. To split the same images by the other
    protocol, create a second manifest of the folder.

    \b
    Example:
      edgewbc data augment manifests/bccd --to bccd-augmented
      edgewbc data manifest augmented bccd-augmented --protocol poster --to manifests/poster
    """
    from edgewbc.data.augmented_set import write
    from edgewbc.data.manifest import Manifest
    from edgewbc.data.sources import make, protocol_of

    chosen = protocol_of("augmented", protocol)  # checked first, because drawing takes a while
    write(Manifest.read(where), to, total, seed=seed, height=height, width=width, progress=progress)
    _write(make("augmented", to, protocol=chosen, seed=seed), to, json)


@app.command()
def manifest(
    source: Annotated[
        str,
        typer.Argument(
            help="folder (one folder per class, also below train, val and test), table (labels in CSV or Excel), yolo, "
            "voc or coco (boxes with a class), cases (signed), kaggle-bccd, bccd, pbc, jtsc, synthetic or augmented."
        ),
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folder of the images; for table the file, for coco the JSON file or a folder of them, for cases one "
            "or more folders of cases.",
        ),
    ],
    to: To,
    protocol: Annotated[
        str | None,
        typer.Option(help="published, published8, official, grouped, poster or external. [default: by source]"),
    ] = None,
    seed: Seed = 0,
    classes: Annotated[
        str | None,
        typer.Option(help="Comma-separated classes to include; others are left out. [default: depends on the source]"),
    ] = None,
    label_map: Annotated[
        str | None,
        typer.Option(
            "--map",
            help="Classes of labels: 'Seg=neutrophil,Band=neutrophil,Smudge=' (nothing leaves a label out), or a YAML "
            "file.",
        ),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(
            help="For folder and boxes: regular expression on the path; its first pair of parentheses is the slide or "
            "patient."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For table and coco: folder of the images. [default: that of the file]"),
    ] = None,
    path_column: Annotated[str, typer.Option(help="For table: column with the image path, relative to DIR.")] = "path",
    label_column: Annotated[str, typer.Option(help="For table: column with the class.")] = "label",
    group_column: Annotated[
        str | None, typer.Option(help="For table: column with the slide or patient. [default: each image on its own]")
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(help="For table: column with train, val or test. [default: the split is drawn]")
    ] = None,
    box_columns: Annotated[
        str | None, typer.Option(help="For table: columns of a cell's box in pixels, as left,top,width,height.")
    ] = None,
    json: Json = False,
) -> None:
    """Create a manifest: the list of images with their labels and their split (train, val, test).

    The protocols grouped and official keep each group (original image, slide or patient) in one split; poster does not.
    Images in folders train, val and test keep this split (published); if there is no val, it is taken from train
    (official). Class folders below train, val and test need --protocol. A table may be separated by commas,
    semicolons, tabs or vertical bars, or be an Excel workbook.
    Of signed cases (`edgewbc count`), all cells with a cell type are taken, and a case is a group. Files that are left
    out are counted on stderr and in manifest.json.

    \b
    Example:
      edgewbc data manifest folder my-cells --to manifests/mine --group-pattern '(slide[0-9]+)'
      edgewbc data manifest table labels.csv --images my-cells --label-column type --to manifests/mine
      edgewbc data manifest yolo my-boxes --map 'Seg=neutrophil,Band=neutrophil' --to manifests/boxes
    """
    from edgewbc.data.sources import make
    from edgewbc.data.sources.label_map import LabelMap
    from edgewbc.data.sources.table import LabelTable
    from edgewbc.data.sources.table import box_columns as four
    from edgewbc.errors import UserError

    table: LabelTable | None = None
    annotations: Path | None = None
    cases: SourceCells | None = None
    folder = paths[0]
    if len(paths) > 1 and source != "cases":
        raise UserError(f"{paths[1]}: the source {source} takes one folder or file")
    if source == "cases":
        folder, cases = _of_cases(paths, classes)
    if source == "table":
        boxes = None if box_columns is None else four(box_columns)
        table = LabelTable(folder, path_column, label_column, group_column, split_column, boxes)
        folder = images or folder.parent
    elif (path_column, label_column, group_column, split_column, box_columns) != ("path", "label", None, None, None):
        raise UserError("the --*-column options are only for the source table")
    elif source == "coco":
        annotations, folder = folder, images or (folder if folder.is_dir() else folder.parent)
    elif images is not None:
        raise UserError("--images is only for the sources table and coco")
    selected = None if classes is None else classes.split(",")
    made = make(
        source, folder, protocol=protocol, seed=seed, classes=selected, group_pattern=group_pattern, labels=table,
        annotations=annotations, label_map=None if label_map is None else LabelMap.parse(label_map), cases=cases,
    )  # fmt: skip
    _write(made, to, json)


def _of_cases(paths: list[Path], classes: str | None) -> tuple[Path, SourceCells]:
    """Return the cells of signed cases, and the folder that holds all of their images."""
    import os

    from edgewbc.cases.training import signed_cells
    from edgewbc.cells import CELL_TYPES
    from edgewbc.data.sources.scan import Cell, SourceCells
    from edgewbc.errors import UserError

    found = signed_cells(paths)
    kept = [cell for cell in found.cells if classes is not None or cell.label in CELL_TYPES]
    if not kept:
        raise UserError(f"{paths[0]}: the signed cases hold no cell of a type that can be learned")
    try:
        root = Path(os.path.commonpath([cell.image.parent for cell in kept]))
    except ValueError:
        raise UserError(f"{paths[0]}: the images of the cases are on several drives: make a manifest of each") from None
    left_out = found.left_out
    left_out["cell with the label 'blast'"] += len(found.cells) - len(kept)
    cells = [Cell(cell.image.relative_to(root).as_posix(), cell.label, cell.case, box=cell.box) for cell in kept]
    return root, SourceCells(cells, +left_out)


@app.command()
def join(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST...", help="Two or more manifests of different microscopes.")
    ],
    to: To,
    train_only: Annotated[
        list[str] | None,
        typer.Option(help="Source whose train and validation images are all for training; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Join manifests of several microscopes, so that one network learns the cells of all of them.

    Each cell keeps its split. With the crop `cell`, the profile of each microscope is learned from its own images; the
    first manifest is the reference. A --train-only source is not used for validation or test: its test images are
    left out.

    \b
    Example:
      edgewbc data join manifests/mine manifests/other-lab --train-only folder-2 --to manifests/both
    """
    from edgewbc.data.join import join as joined
    from edgewbc.data.manifest import Manifest

    _write(joined([Manifest.read(each) for each in manifests], train_only or ()), to, json)


def _write(manifest: Manifest, to: Path, json: bool) -> None:
    """Write a manifest and print its summary; files that were left out are listed on stderr."""
    from edgewbc import cells
    from edgewbc.data import describe

    manifest.write(to)
    for line in filter(None, (*describe.left_out(manifest), cells.advice(manifest.classes))):
        say(line)
    emit(describe.summary(manifest, to).to_json()) if json else print(describe.text(manifest, to))


@app.command()
def folds(
    where: Annotated[Path, typer.Argument(metavar="MANIFEST", help="Manifest of the cells; its split is ignored.")],
    to: To,
    count: Annotated[int, typer.Option("--folds", min=2, help="Number of folds.")] = 5,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a manifest for each fold of a cross-validation: fold-1, fold-2 and so on.

    Groups (slides, patients or original images) are kept whole; each is in test once, and validation is taken from the
    others.

    \b
    Example:
      edgewbc data folds manifests/mine --folds 5 --to manifests/mine-5
      edgewbc train --data manifests/mine-5/fold-1
    """
    from edgewbc.data import describe
    from edgewbc.data import folds as cross
    from edgewbc.data.manifest import Manifest

    written = cross.write(Manifest.read(where), count, to, seed)
    if json:
        emit([describe.summary(Manifest.read(folder), folder).to_json() for folder in written])
    else:
        print("\n\n".join(describe.text(Manifest.read(folder), folder) for folder in written))


@app.command()
def card(
    where: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", help="Manifest to describe. [default: the newest one here]")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder to create, with card.html and card.json. [default: data-cards/<source>]")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a manifest on a page: counts, sizes, groups, warnings, and a contact sheet of each class.

    \b
    Example:
      edgewbc data card manifests/mine --to data-card
    """
    from edgewbc.cli import defaults
    from edgewbc.data import card as facts
    from edgewbc.report import data_card

    chosen = defaults.manifest(where)
    name = chosen.folder.name if chosen.folder is not None else "data"
    folder = data_card.folder(to, name)
    described = facts.describe(chosen, progress)
    data_card.write(described, folder, name, progress)
    emit({**described.to_json(), "folder": str(folder)}) if json else print(data_card.text(described))
    wrote(folder / data_card.PAGE)


app.command("audit")(data_audit.command)
