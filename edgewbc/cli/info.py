"""`edgewbc info`: describe a network layer by layer, or a bundle by its manifest."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli.network_info import NetworkInfo


def command(
    net: Annotated[
        str,
        typer.Argument(
            help="Architecture (vgg16gap, vgg16flatten, efficientnet-lite0, edgenet, or vgg16 for the stock ImageNet "
            "network), run folder, or bundle."
        ),
    ],
    classes: Annotated[
        int | None,
        typer.Option(min=1, help="Number of outputs of a named architecture. [default: 5; 1000 for vgg16]"),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(help="Input size in pixels, such as 112 or 96x128 (height x width). [default: 224, or the run's]"),
    ] = None,
    freeze: Annotated[
        int, typer.Option(min=0, help="Number of blocks to count as frozen, from the first; for the trainable total.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Describe a network layer by layer: output shape, parameters and multiply-adds, with totals.

    Where torch is not installed, a bundle is described from its manifest alone: network, input, files, accuracy.

    \b
    Example:
      edgewbc info vgg16gap --classes 4
    """
    from edgewbc.nets.spec import SPEC
    from edgewbc.utils.optional import TRAIN, need

    path = Path(net)
    plain = classes is None and input is None and freeze == 0
    if plain and importlib.util.find_spec("torch") is None and path.exists() and not (path / SPEC).exists():
        from edgewbc.bundle.bundle import Bundle

        summary = BundleSummary.of(Bundle.open(path))
        if as_json:
            emit(asdict(summary))
        else:
            print(summary.text())
            say(f"layer by layer: needs torch ({TRAIN})")
        return
    for module in ("torch", "safetensors"):
        need(module, "edgewbc info")
    from edgewbc.cli.network_info import info, resolve

    found = info(resolve(net, classes, None if input is None else _size(input)), freeze)
    if as_json:
        emit(found.to_json())
        return
    print(_table(found))
    say(f"head: {found.parts['head']:,} of the {found.parameters:,} parameters")


@dataclass(frozen=True)
class BundleSummary:
    """What a bundle's manifest says of it; names shared with `NetworkInfo.to_json` mean the same.

    Attributes:
        name: of the bundle.
        arch, form: architecture and form of the network; None if the manifest does not state them, as for all below.
        classes, class_names: number and names of the classes.
        height, width: of the network's input in pixels.
        channels, head: widths of the network's layers and of its head.
        parameters, macs: number of parameters, and of multiply-adds per image.
        sizes: bytes of the model files, by precision and backend.
        default_precision: that is run if none is named.
        review_below: probability below which a cell is to be looked at.
        views, label_from, calibration, familiarity: as in the manifest (see docs/data-formats.md).
        evidence: the manifest's accuracies.
        created, edgewbc: when, and by which version, the bundle was exported.
    """

    name: str
    arch: str | None
    form: str | None
    classes: int
    class_names: list[str]
    height: int
    width: int
    channels: list[int | str] | None
    head: list[int] | None
    parameters: int | None
    macs: int | None
    sizes: dict[str, dict[str, int]]
    default_precision: str
    review_below: float | None
    views: dict[str, Any] | None
    label_from: str | None
    calibration: dict[str, Any] | None
    familiarity: dict[str, Any] | None
    evidence: list[dict[str, Any]]
    created: str | None
    edgewbc: str | None

    @classmethod
    def of(cls, bundle: Bundle) -> BundleSummary:
        """Return the summary of a bundle."""
        manifest = bundle.manifest.to_json()
        stated = (
            "arch",
            "form",
            "channels",
            "parameters",
            "macs",
            "review_below",
            "views",
            "label_from",
            "calibration",
            "familiarity",
        )
        return cls(
            name=bundle.name,
            classes=len(bundle.classes),
            class_names=list(bundle.classes),
            height=bundle.pixels.height,
            width=bundle.pixels.width,
            head=manifest.get("head_widths"),
            sizes={p: {b: bundle.size(b, p) for b in backends} for p, backends in manifest["files"].items()},
            default_precision=bundle.default_precision,
            evidence=manifest.get("evidence", []),
            created=manifest.get("created"),
            edgewbc=manifest.get("edgewbc"),
            **{name: manifest.get(name) for name in stated},
        )

    def text(self) -> str:
        """Return the summary as two columns."""
        from edgewbc.decision.views import LabelFrom
        from edgewbc.smear.views import Views
        from edgewbc.utils.text import interval, percent, table

        rows = [
            ["network", self.arch or "not stated"],
            ["classes", ", ".join(self.class_names)],
            ["input", f"{self.height} x {self.width}"],
            ["parameters", _number(self.parameters)],
            ["multiply-adds", _number(self.macs)],
        ]
        for precision, backends in self.sizes.items():
            mark = " (default)" if precision == self.default_precision else ""
            rows.append([f"{precision}{mark}", ", ".join(f"{b} {size / 1e6:.2f} MB" for b, size in backends.items())])
        rows += [
            [
                f"accuracy, {row['backend']} {row['precision']}",
                f"{percent(row['accuracy'])} ({interval(row['interval'])}), {row['correct']} of {row['n']}, "
                f"{row['protocol']} {row['split']}",
            ]
            for row in self.evidence
        ]
        views = "" if self.views is None else f", by the lowest of {len(Views.from_json(self.views))} views"
        label = "mean of its views" if self.label_from == LabelFrom.MEAN else "upright view"
        known, cells = "not detected", self.familiarity
        if cells is not None:
            alarms = percent(cells["false_alarms"])
            known = f"learned from {cells['trained_on']} training cells, {alarms} false alarms"
        rows += [
            *([] if self.views is None else [["label of a cell", label]]),
            ["review below", "not stated" if self.review_below is None else f"{self.review_below:.4f}{views}"],
            ["calibration", "none" if self.calibration is None else f"temperature {self.calibration['temperature']:g}"],
            ["unfamiliar cells", known],
            ["exported", f"{self.created} by edgewbc {self.edgewbc}"],
        ]
        return table(["bundle", self.name], rows, left=2)


def _number(value: int | None) -> str:
    return "not stated" if value is None else f"{value:,}"


def _size(text: str) -> tuple[int, int]:
    """Parse `112` or `96x128` as (height, width) in pixels. Raises UserError for anything else."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"--input {text}: write a size as 112, or as height x width: 96x128")
    return int(parts[0]), int(parts[-1])


def _table(found: NetworkInfo) -> str:
    """Return the layers and totals of a network as aligned columns."""
    from edgewbc.utils.text import table

    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(str(size) for size in layer.output),
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
        ]
        for layer in found.layers
    ]
    rows.append([found.spec.arch, found.spec.form, "total", f"{found.parameters:,}", f"{found.macs:,}"])
    rows.append(["", "", "trainable", f"{found.trainable:,}", ""])
    return table(["layer", "kind", "output", "parameters", "multiply-adds"], rows, left=2)
