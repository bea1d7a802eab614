"""The rows of a benchmark: for each model, the backends and precisions that can run on this machine."""

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
    """What can be measured on this machine.

    Attributes:
        torch, onnx: whether PyTorch and ONNX Runtime are installed.
        bf16: whether the CPU computes in bfloat16.
    """

    torch: bool
    onnx: bool
    bf16: bool

    @classmethod
    def here(cls) -> Abilities:
        """Detect what this machine supports."""
        return cls(find_spec("torch") is not None, find_spec("onnxruntime") is not None, "BF16" in capabilities())


@dataclass(frozen=True)
class BenchModel:
    """A model to benchmark.

    Attributes:
        path: bundle or run folder.
        name: its name in tables.
        classes: class names, in the order of its outputs.
        pixels: how its input is prepared.
        rows: (backend, precision) of each row, slowest backends first.
        delivered: the row that a lab would run: OpenVINO in a bundle's default precision; for a run int8, else f32.
        scored: whether its accuracy is measured; otherwise only its speed is.
    """

    path: Path
    name: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    rows: tuple[tuple[str, str], ...]
    delivered: tuple[str, str]
    scored: bool = True

    @property
    def is_run(self) -> bool:
        """Whether it is a run folder and not a bundle."""
        return runs.is_run(self.path)


def plan(path: Path, able: Abilities, only: Sequence[tuple[str, str]] | None = None) -> BenchModel:
    """Return a model with its rows.

    Args:
        path: bundle or run folder.
        able: what can be measured on this machine.
        only: keep only these rows (backend, precision); None keeps all that can run.

    Raises:
        UserError: there is no model at the path, or none of its rows can run.
    """
    model = _with_all_rows(path, able)
    if only is None:
        return model
    rows = [row for row in model.rows if row in only]
    if not rows:
        wanted = ", ".join("/".join(row) for row in only)
        raise UserError(f"{path}: has no row {wanted}; its rows are {', '.join('/'.join(row) for row in model.rows)}")
    return replace(model, rows=tuple(rows), delivered=_delivered(rows, model.delivered[1]))


def baseline(side: int, folder: Path) -> BenchModel:
    """Write the unpruned network for another input size: the baseline of speedups, in f32 with OpenVINO.

    Its weights do not depend on the input size, and its speed does not depend on its weights. Its accuracy is not
    measured, because it was not trained at this size.

    Args:
        side: height and width of its input in pixels.
        folder: receives a run folder with the baseline's name.

    Raises:
        UserError: the unpruned network or torch is missing.
    """
    network = reference_network()
    if network is None:
        raise UserError(f"--baseline {side}: needs torch, and the unpruned network of a checkout (export/networks)")
    spec = runs.spec(network)
    spec = replace(spec, pixels=replace(spec.pixels, height=side, width=side))
    folder /= baseline_name(side)
    folder.mkdir(parents=True)
    spec.write(folder / runs.SPEC)
    shutil.copyfile(network / runs.WEIGHTS, folder / runs.WEIGHTS)
    runs.seal_lineage(folder, runs.lineage(network))
    row = ("openvino", "f32")
    return BenchModel(folder, folder.name, spec.classes, spec.pixels, (row,), row, scored=False)


def baseline_name(side: int) -> str:
    """Return the name of the baseline in tables."""
    return f"vgg16gap-{side}"


def _with_all_rows(path: Path, able: Abilities) -> BenchModel:
    if runs.is_run(path):
        spec = runs.spec(path)
        rows = _rows_of_run(path, able)
        if not rows:
            need("torch", f"{path}: a run folder without quantized files")
        delivered = _delivered(rows, "int8")
        return BenchModel(path, path.resolve().name, spec.classes, spec.pixels, tuple(rows), delivered)
    bundle = Bundle.open(path)
    rows = _rows_of_bundle(bundle, able)
    if not rows:
        raise UserError(f"{path}: contains no model that an installed runtime (OpenVINO, ONNX Runtime) can run")
    delivered = _delivered(rows, bundle.default_precision)
    return BenchModel(path, bundle.name, bundle.classes, bundle.pixels, tuple(rows), delivered)


def reference_network() -> Path | None:
    """Return the run folder of the unpruned network in this checkout; None without a checkout or without torch."""
    if find_spec("torch") is None:
        return None
    try:
        folder = resources.folder("export/networks")
    except UserError:  # an installed wheel does not contain it
        return None
    networks = [p.parent for p in sorted(folder.glob("*/model.json")) if runs.is_run(p.parent)]
    return next((path for path in networks if runs.spec(path).channels == VGG16), None)


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
    """Return the row that a lab would run: OpenVINO in that precision or f32, ONNX Runtime, or else the last row."""
    preferred = [("openvino", precision), ("openvino", "f32"), ("onnx", precision)]
    return next((row for row in preferred if row in rows), rows[-1])


def _floats(able: Abilities) -> Sequence[str]:
    return ("f32", "bf16") if able.bf16 else ("f32",)
