"""Which rows a benchmark has: for each model, what it holds, what is installed, and what the CPU can compute."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.nets.spec import VGG16
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.openvino_import import capabilities
from edgewbc.utils import resources
from edgewbc.utils.optional import need


@dataclass(frozen=True)
class Abilities:
    """What can be measured here: which runtimes are installed, and whether the CPU computes in bfloat16."""

    torch: bool
    onnx: bool
    bf16: bool

    @classmethod
    def here(cls) -> Abilities:
        return cls(find_spec("torch") is not None, find_spec("onnxruntime") is not None, "BF16" in capabilities())


@dataclass(frozen=True)
class Model:
    """A model to measure.

    Attributes:
        path: a bundle or a run folder.
        name: what the table calls it.
        classes, pixels: of the model.
        rows: (backend, precision) of each row, slowest backends first.
        delivered: the row of those that a lab would run: OpenVINO in a bundle's default precision; of a run in int8,
            else f32.
        answers: whether it is asked about pictures with labels; else only its speed is measured.
    """

    path: Path
    name: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    rows: tuple[tuple[str, str], ...]
    delivered: tuple[str, str]
    answers: bool = True

    @property
    def is_run(self) -> bool:
        return runs.is_run(self.path)


def plan(path: Path, able: Abilities, only: Sequence[tuple[str, str]] | None = None) -> Model:
    """The rows of one model: all that can be run, or `only` those (backend, precision).

    Raises:
        UserError: no model there, or nothing of it can be run with what is installed.
    """
    model = _whole(path, able)
    if only is None:
        return model
    rows = [row for row in model.rows if row in only]
    if not rows:
        wanted = ", ".join("/".join(row) for row in only)
        raise UserError(f"{path}: has no row {wanted}; it has {', '.join('/'.join(row) for row in model.rows)}")
    return replace(model, rows=tuple(rows), delivered=_delivered(rows, model.delivered[1]))


def baseline(side: int, folder: Path) -> Model:
    """The unpruned network in f32, in OpenVINO, at another input size: a speed to hold others against.

    Its weights do not depend on the input size, and its speed does not depend on its weights; what it would answer at a
    size that it was not trained at is worth nothing, so it is not asked.

    Args:
        side: height and width of its input, in pixels.
        folder: where it is written, into a folder of its name in the table.

    Raises:
        UserError: there is no unpruned network here, or no torch.
    """
    found = reference_network()
    if found is None:
        raise UserError(f"--baseline {side}: needs torch, and the unpruned network of a checkout (export/networks)")
    spec = runs.spec(found)
    spec = replace(spec, pixels=replace(spec.pixels, height=side, width=side))
    folder /= baseline_name(side)
    folder.mkdir(parents=True)
    spec.write(folder / "model.json")
    shutil.copyfile(found / "model.safetensors", folder / "model.safetensors")
    row = ("openvino", "f32")
    return Model(folder, folder.name, spec.classes, spec.pixels, (row,), row, answers=False)


def baseline_name(side: int) -> str:
    """What the table calls it."""
    return f"vgg16gap-{side}"


def _whole(path: Path, able: Abilities) -> Model:
    if runs.is_run(path):
        spec = runs.spec(path)
        rows = _rows_of_run(path, able)
        if not rows:
            need("torch", f"{path}: a run folder without quantized files")
        return Model(path, path.resolve().name, spec.classes, spec.pixels, tuple(rows), _delivered(rows, "int8"))
    bundle = Bundle.open(path)
    rows = _rows_of_bundle(bundle, able)
    if not rows:
        raise UserError(f"{path}: holds no model for OpenVINO or for ONNX Runtime where that is installed")
    delivered = _delivered(rows, bundle.default_precision)
    return Model(path, bundle.name, bundle.classes, bundle.pixels, tuple(rows), delivered)


def reference_network() -> Path | None:
    """The unpruned network that came with this checkout; None if there is none, or no torch to read it."""
    if find_spec("torch") is None:
        return None
    try:
        folder = resources.folder("export/networks")
    except UserError:  # an installed wheel leaves it out
        return None
    found = [p.parent for p in sorted(folder.glob("*/model.json")) if runs.is_run(p.parent)]
    return next((path for path in found if runs.spec(path).channels == VGG16), None)


def _rows_of_run(path: Path, able: Abilities) -> list[tuple[str, str]]:
    rows = []
    if able.torch:
        rows += [("torch", precision) for precision in _floats(able)]
    if able.onnx:
        if able.torch and find_spec("onnxscript"):
            rows.append(("onnx", "f32"))
        if (path / "onnx" / "int8.onnx").is_file():
            rows.append(("onnx", "int8"))
    if able.torch:
        rows += [("openvino", precision) for precision in _floats(able)]
    if (path / "openvino" / "int8.xml").is_file():
        rows.append(("openvino", "int8"))
    return rows


def _rows_of_bundle(bundle: Bundle, able: Abilities) -> list[tuple[str, str]]:
    held = {backend: [p for p in ("f32", "int8") if bundle.holds(backend, p)] for backend in ("onnx", "openvino")}
    rows = [("onnx", precision) for precision in held["onnx"] if able.onnx]
    for precision in held["openvino"]:
        rows += [("openvino", p) for p in (_floats(able) if precision == "f32" else [precision])]
    return rows


def _delivered(rows: Sequence[tuple[str, str]], precision: str) -> tuple[str, str]:
    """Of the rows, the first of: OpenVINO in that precision, in f32, another runtime in that precision, the last."""
    wishes = [("openvino", precision), ("openvino", "f32"), ("onnx", precision)]
    return next((wish for wish in wishes if wish in rows), rows[-1])


def _floats(able: Abilities) -> Sequence[str]:
    return ("f32", "bf16") if able.bf16 else ("f32",)
