"""`edgewbc labels`: exchange labels of cells with Label Studio and FiftyOne."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say, wrote
from edgewbc.cli.options import Json
from edgewbc.interop.labels import LabelForm

app = typer.Typer(
    no_args_is_help=True, help="Exchange labels of cells with Label Studio and FiftyOne, without installing either."
)


@app.command("export", short_help="Write a folder that a labeling program opens.")
def export(
    source: Annotated[Path, typer.Argument(help="Case, or a table with the columns path and label.")],
    form: Annotated[LabelForm, typer.Option("--as", help="Program that is to open the folder.")],
    to: Annotated[Path, typer.Option(help="Folder to create.")],
) -> None:
    """Write the cells of a case, or of a table of labels, into a folder that Label Studio or FiftyOne opens.

    Labels are those that people gave and, of a signed case, all; those of the network are added as predictions. For
    Label Studio: the folder as local files, tasks in label-studio.json, the labeling interface in label-studio.xml. For
    FiftyOne: a dataset of the type FiftyOneImageClassificationDataset, and the network's labels in predictions.json.

    \b
    Example:
      edgewbc labels export case-17 --as label-studio --to to-label-studio
    """
    from edgewbc.cases import label_exchange

    found = label_exchange.source_of(source)
    label_exchange.export(found, form, to)
    labeled = sum(bool(image.label) for image in found.images)
    print(f"{len(found.images)} cells, {labeled} with a label")
    wrote(to)


@app.command("import", short_help="Read labels back, into a case or a table.")
def import_(
    labels: Annotated[
        Path, typer.Argument(help="Export of Label Studio (JSON or JSON-MIN), or labels.json of FiftyOne.")
    ],
    case: Annotated[Path | None, typer.Option(help="Case whose cells get the labels, as a person's decisions.")] = None,
    by: Annotated[str, typer.Option(help="Person who answers for the labels; needed with --case.")] = "",
    to: Annotated[Path | None, typer.Option(metavar="CSV", help="Table to write instead.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="With --to: folder of the images. [default: that of the labels]")
    ] = None,
    why: Annotated[str, typer.Option(help="Reason, which a correction of a signed case needs.")] = "",
    as_json: Json = False,
) -> None:
    """Read labels from Label Studio or FiftyOne, and record them in a case, or write them as a table.

    With --case, the labels become decisions of the person named by --by, all of them or none; the case is not signed.
    With --to, they become a table for `edgewbc adapt --cells` and `edgewbc data manifest table`.

    \b
    Example:
      edgewbc labels import export.json --case case-17 --by "M. Curie"
      edgewbc labels import export.json --to labels.csv
    """
    from edgewbc.cases import label_exchange
    from edgewbc.cases.case import Case
    from edgewbc.errors import UserError
    from edgewbc.utils.text import count

    if (case is None) == (to is None):
        raise UserError("name either --case CASE or --to TABLE.csv")
    if case is not None and not by.strip():
        raise UserError("--case needs the person who answers for the labels: --by NAME")
    read = label_exchange.read(labels)
    if case is not None:
        with Case.open(case) as opened:
            reason = "; ".join(filter(None, [why.strip(), f"labels of {ascii(labels.name)[1:-1]}"]))
            needs_reason = bool(opened.sign_offs) and not why.strip()
            found = label_exchange.into_case(read, opened, by, "" if needs_reason else reason)
            left = len(opened.open_cells)
    else:
        assert to is not None  # noqa: S101 - checked above
        root = images or (labels if labels.is_dir() else labels.parent)
        found = label_exchange.to_table(read, root, to)
        left = 0
    changed = sum(found.changed.values())
    if as_json:
        emit({"changed": dict(found.changed), "same": found.same, "unlabeled": found.unlabeled})
    else:
        recorded, without = count(changed, "label"), count(found.unlabeled, "image")
        print(f"{recorded} recorded, {found.same} there already, {without} without a label")
    if case is not None:
        say(f"{case}: {count(left, 'cell is', 'cells are')} open; sign it with `edgewbc review {case}`")
    else:
        assert to is not None  # noqa: S101
        wrote(to)
