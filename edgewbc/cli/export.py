"""`edgewbc export`: write the bundle of a run, or its network alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.cli.options import Json
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from edgewbc.bundle.bundle import Bundle


class ExportForm(StrEnum):
    """What `export` writes."""

    BUNDLE = "bundle"
    HTML = "html"
    HUB = "hub"
    OVMS = "ovms"
    BIOIMAGEIO = "bioimageio"


BUNDLES = Path("bundles")
NETWORKS = Path("networks")


def command(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder, or bundle for the other forms of --as. [default: the newest]")
    ] = None,
    named: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="The same, as an option. With --as hub BUNDLE: run that the bundle was made from, whose network is "
            "added as safetensors.",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Manifest whose validation split is measured. [default: the newest one here]")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="int8, f32 or int8,f32; may be repeated. [default: int8 if the run has it, else f32]"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the bundle. [default: that of the folder]")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder to create. [default: bundles/<name>]")] = None,
    license: Annotated[
        str | None,
        typer.Option(help="License of the weights, for the model card, such as Apache-2.0. [default: not stated]"),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Choose the review threshold such that at most this share of the accepted cells is mislabeled, such "
            "as 0.01; needs a few hundred validation images. [default: a threshold with few errors in validation]",
        ),
    ] = None,
    others: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            help="Manifest with cells of other kinds than the network's classes, such as immature granulocytes: those "
            "of its training split show which cells are unfamiliar. Cells of the classes in it are not used.",
        ),
    ] = None,
    zip: Annotated[bool, typer.Option("--zip", help="Also write a zip of the folder, next to it.")] = False,
    network: Annotated[
        bool, typer.Option("--network", help="Write only the network, as float16 safetensors, instead of a bundle.")
    ] = False,
    form: Annotated[
        ExportForm,
        typer.Option(
            "--as",
            help="bundle: the bundle of a run; html: of a bundle, one file that classifies in a browser, offline; "
            "hub: of a bundle, a folder for a model hub; ovms: of a bundle, a repository for OpenVINO Model Server; "
            "bioimageio: of a bundle, a folder for the BioImage Model Zoo.",
        ),
    ] = ExportForm.BUNDLE,
    runtime: Annotated[
        Path | None,
        typer.Option(help="Archive of the npm package onnxruntime-web, for --as html. [default: downloaded by npm]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the bundle of a run: OpenVINO IR, ONNX, golden samples, model card and checksums.

    torch, ONNX Runtime and OpenVINO must agree in f32; otherwise nothing is written and the exit code is 3. The
    accuracy that int8 loses on the validation images is reported, and stated in the model card. Probabilities are
    calibrated on the validation images, and the training images tell which cells are unfamiliar.

    With --as html, a bundle becomes one file of 3 to 6 MB that opens from a USB stick: it takes JPEG and PNG images of
    single cells, and gives each a label, probabilities and the status that `edgewbc classify` would give. npm downloads
    the runtime, and a hash is checked.

    \b
    Example:
      edgewbc export runs/vgg16gap-112-quarter-int8 --precision int8,f32 --to bundles/mine --zip
      edgewbc export bundles/mine --as html --to mine.html
      edgewbc export bundles/mine --as hub --license Apache-2.0 --to hub/mine
      edgewbc export bundles/mine --as ovms --to served
    """
    if form == ExportForm.HTML:
        _html(run or named, to, runtime, _one(precision, form), as_json)
        return
    if form == ExportForm.HUB:
        _hub(run or named, named if run is not None else None, to, license, as_json)
        return
    if form in (ExportForm.OVMS, ExportForm.BIOIMAGEIO):
        _package(form, run or named, to, license, _one(precision, form), as_json)
        return
    from edgewbc import runs
    from edgewbc.cli import defaults
    from edgewbc.utils.optional import need

    for module in ("torch", "safetensors", "onnx"):
        need(module, "edgewbc export")
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.export.export import export
    from edgewbc.export.weights import release

    chosen = defaults.run(run or named)
    if network:
        made = release(chosen, to or NETWORKS / (name or chosen.resolve().name))
        if as_json:
            emit({"network": str(made)})
        else:
            print(f"{made}: model.safetensors (float16), model.json, lineage.json")
        return
    try:
        manifest = defaults.manifest(data)
    except defaults.NoManifest:
        say("no manifest here: parity is checked on the golden samples, and the bundle states no accuracy (--data)")
        manifest = None
    wanted = [part.strip() for value in precision or [] for part in value.split(",") if part.strip()]
    if not precision:
        wanted = ["int8" if runs.is_quantized(chosen) else "f32"]
        say(f"precision: {wanted[0]}")
    target = to or BUNDLES / (name or chosen.resolve().name)
    made = export(
        chosen,
        to=target,
        manifest=manifest,
        precisions=wanted,
        name=name,
        zip=zip,
        license=license,
        max_error=max_error,
        others=None if others is None else defaults.manifest(others),
        progress=progress,
    )
    bundle = Bundle.open(made)
    packed = str(made.with_name(f"{made.name}.zip")) if zip else None
    if as_json:
        emit({"bundle": str(made), "zip": packed, "sizes": _sizes(bundle), "manifest": bundle.manifest.to_json()})
    else:
        print(_table(bundle))
        for line in _warnings(bundle):
            say(line)
        say(f"wrote {made}" + (f" and {packed}" if packed else ""))
        say(f"next: edgewbc selftest {made}")


def _warnings(bundle: Bundle) -> list[str]:
    """Return what the differential of a bundle will not do, one line each."""
    from edgewbc import cells
    from edgewbc.decision.familiarity_fit import MIN_CELLS, MIN_HELD_OUT

    found = [cells.advice(bundle.classes)]
    if bundle.manifest.familiarity is None:
        found.append(
            "unfamiliar cells, such as blasts, are not told apart and would be counted as one of the classes: export "
            f"with the manifest of the training, {MIN_CELLS} training cells or more of each class and {MIN_HELD_OUT} "
            "or more for validation"
        )
    return [line for line in found if line]


def _html(model: Path | None, to: Path | None, runtime: Path | None, precision: str | None, as_json: bool) -> None:
    """Write a bundle as a page."""
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.export import web_page

    bundle = Bundle.open(defaults.bundle(model))
    name = f"{bundle.name}.html"
    target = to / name if to is not None and to.is_dir() else to or Path(name)
    if target.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--to {to}: a browser knows a page by its suffix: name a file that ends in .html")
    size = web_page.write(bundle, target, runtime, precision)
    if as_json:
        emit({"html": str(target), "bytes": size})
        return
    print(f"{target}: {size / 1e6:.1f} MB")
    if size > web_page.MAX_BYTES:
        say(f"larger than {web_page.MAX_BYTES / 1e6:.0f} MB: a bundle with a smaller network loads sooner")
    say("next: open it in a browser, and drop images of single cells on it")


def _hub(model: Path | None, network: Path | None, to: Path | None, license: str | None, as_json: bool) -> None:
    """Write a bundle as a folder for a model hub."""
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.export import hub
    from edgewbc.utils.optional import need

    bundle = Bundle.open(defaults.bundle_to_measure(model))
    target = to or Path("hub") / bundle.name
    if network is not None:
        for module in ("torch", "safetensors"):
            need(module, "export --as hub --run")
    hub.write(bundle, target, license, network)
    if as_json:
        emit({"folder": str(target)})
    else:
        added = "" if network is None else f", {hub.NETWORK}/ (float network as safetensors)"
        print(f"{target}: {hub.README} (card and metadata), {hub.CONFIG}{added}, and the bundle; nothing was uploaded")


def _one(precision: list[str] | None, form: ExportForm) -> str | None:
    """Return the one precision that a form takes; None if none was given."""
    from edgewbc.errors import UserError

    wanted = [part.strip() for value in precision or [] for part in value.split(",") if part.strip()]
    if len(wanted) > 1:
        raise UserError(f"--precision {','.join(wanted)}: --as {form.value} takes one precision")
    return wanted[0] if wanted else None


def _package(
    form: ExportForm, model: Path | None, to: Path | None, license: str | None, precision: str | None, as_json: bool
) -> None:
    """Write a bundle as a folder for a model server or a model zoo."""
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.export import bioimageio, client, ovms
    from edgewbc.utils.text import address_part

    bundle = Bundle.open(defaults.bundle_to_measure(model))
    target = to or Path(form.value) / address_part(bundle.name)
    if form == ExportForm.OVMS:
        name = ovms.write(bundle, target, precision)
        held = f"{ovms.CONFIG}, {name}/1, and {client.CLIENT}: what a client must do"
    else:
        bioimageio.write(bundle, target, license, precision)
        held = f"{bioimageio.RDF}, {bioimageio.MODEL}, test tensors, and {client.CLIENT}; nothing was uploaded"
    if as_json:
        emit({"folder": str(target)})
    else:
        print(f"{target}: {held}")


def _sizes(bundle: Bundle) -> dict[str, dict[str, int]]:
    """Return the bytes of each model by precision and backend."""
    return {p: {b: bundle.size(b, p) for b in backends} for p, backends in bundle.manifest.files.items()}


def _table(bundle: Bundle) -> str:
    """Return size and accuracy of each file as aligned columns."""
    from edgewbc.export.validation import evidence_of
    from edgewbc.utils.text import interval, percent, table

    evidence = evidence_of(bundle.manifest)
    found = {(row.precision, row.backend): row for row in evidence}
    rows = []
    for precision, backends in _sizes(bundle).items():
        for backend, size in backends.items():
            row = found.get((precision, backend))
            measured = ["-", "-", "-"]
            if row is not None:
                measured = [f"{row.correct} of {row.n}", percent(row.accuracy), interval(row.interval)]
            rows.append([f"{backend} {precision}", f"{size / 1e6:.2f} MB", *measured])
    protocols = sorted({str(row.data.protocol) for row in evidence})
    where = f"validation, protocol {' and '.join(protocols)}" if protocols else "validation"
    return table(["file", "size", where, "accuracy", "95 % interval"], rows)
