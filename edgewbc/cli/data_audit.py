"""`edgewbc data audit`: check a manifest's images, splits and labels."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, progress, say, wrote
from edgewbc.cli.options import Json

if TYPE_CHECKING:
    from edgewbc.data.label_audit import LabelAuditOptions
    from edgewbc.data.manifest import Manifest


class AuditEngine(StrEnum):
    """Where images are read: in this process, or in processes of Ray (`edgewbc.archive`)."""

    PC = "pc"
    RAY = "ray"


def command(
    where: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", help="Manifest to check. [default: the newest one here]")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The same as the argument MANIFEST.")] = None,
    near: Annotated[bool, typer.Option(help="Search for near duplicates too.")] = True,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Rank doubtful labels instead, using the features of a run folder or of 'imagenet'."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="With --labels: folder to create. [default: label-audits/<source>]")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="With --labels: number of cross-validation folds.")] = 5,
    center: Annotated[
        int | None,
        typer.Option(
            "--center", "--centre", min=1, help="With --labels: side of the central square to crop, in pixels."
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(min=0.1, help="With --labels: side of the square around a box, as a multiple of its longer side."),
    ] = None,
    engine: Annotated[
        AuditEngine,
        typer.Option(help="Where images are read. pc: this process; ray: a process per core, for archives."),
    ] = AuditEngine.PC,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to use, such as auto. [default: Ray is started on this PC]")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="With --engine ray: number of processes.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the result to this JSON file.")] = None,
    json: Json = False,
) -> None:
    """Check a manifest for unusable images, suspicious images, duplicates, conflicting labels and split leaks.

    Exits with 3 if a group or a duplicate is in more than one split, and with 2 if an image cannot be used. Suspicious
    images (incomplete, grayscale, CMYK, 16-bit, partly transparent, several pages) are listed and are not errors. Of
    more than 100,000 images, near duplicates are found by hashing: nearly all of them, in bounded memory.

    With --labels: find labels that are probably wrong. Each cell is judged by a classifier trained without it and
    without its group. The result is a folder with labels.csv and a contact sheet (sheet.html, sheet.png) for review by
    a person; no label is changed, and flagged labels are not errors. A network that was trained on these labels
    misses some of the wrong ones; imagenet was not trained on them.

    \b
    Example:
      edgewbc data audit manifests/mine
      edgewbc data audit manifests/mine --labels imagenet --to doubtful
      edgewbc data audit manifests/archive --engine ray
    """
    from edgewbc.cli import defaults
    from edgewbc.data import audit as checks
    from edgewbc.data.label_audit import LabelAuditOptions
    from edgewbc.errors import UserError
    from edgewbc.utils.files import write_json

    if where is not None and data is not None and where != data:
        raise UserError(f"{where} and --data {data}: name only one manifest")
    if labels is None and (to, center, scale) != (None, None, None):
        raise UserError("--to, --center and --scale require --labels RUN")
    if engine is not AuditEngine.RAY and (threads, address) != (None, None):
        raise UserError("--threads and --address require --engine ray")
    if labels is not None:
        if engine is AuditEngine.RAY:
            raise UserError("--labels: is not computed on Ray: leave out --engine ray")
        options = LabelAuditOptions(center=center, scale=scale, folds=folds, near=near)
        _audit_labels(defaults.manifest(where or data), labels, to, options, out, json)
        return
    chosen = defaults.manifest(where or data)
    if engine is AuditEngine.RAY:
        from edgewbc.archive import objects
        from edgewbc.archive.cluster import ClusterOptions

        mapper = partial(objects.mapped_on_ray, ClusterOptions(address, threads), say)
        found = checks.audit(chosen, near=near, progress=progress, mapper=mapper)
    else:
        found = checks.audit(chosen, near=near, progress=progress)
    if out is not None:
        write_json(out, found.to_json())
        wrote(out)
    emit(found.to_json()) if json else print(found.to_text())
    found.check()


def _audit_labels(
    chosen: Manifest, network: str, to: Path | None, options: LabelAuditOptions, out: Path | None, json: bool
) -> None:
    """Run the label audit, write its folder and print its result."""
    from edgewbc.data import label_audit
    from edgewbc.report import contact_sheet
    from edgewbc.report import labels as report
    from edgewbc.utils.files import write_json

    folder = contact_sheet.folder(to, str(chosen.provenance.source or "labels"))
    found = label_audit.run(chosen, network, options, progress=progress)
    contact_sheet.write(found, folder, progress)
    result = found.to_json()
    if out is not None:
        write_json(out, result)
        wrote(out)
    emit({**result, "folder": str(folder)}) if json else print(report.text(found))
    say(f"review: {folder / contact_sheet.SHEET} ({folder / 'labels.csv'} lists all cells)")
