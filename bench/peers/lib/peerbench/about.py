"""Facts about a network that need no measurement: crop, hash, architecture, multiply-adds, duration of training."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from bench import stages
from edgewbc import runs
from edgewbc.bench import ir, plan
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.train.history import METRICS
from edgewbc.utils.files import sha256


def model(path: Path, what: str) -> plan.BenchModel:
    """Open a model of edgewbc.

    Args:
        path: the model.
        what: `bundle` or `run folder`, which of the two it must be.

    Raises:
        UserError: it is something else.
    """
    if runs.is_run(path) == (what == "bundle"):
        raise UserError(f"{path}: is not a {what}")
    return plan.plan(path, plan.Abilities.here())


def crop(spec: PixelSpec) -> tuple[str, int, float]:
    """Return crop rule, size and scale, with a default where the rule does not use a value."""
    return (spec.crop, spec.size if spec.crop == "centre" else 0, spec.scale if spec.crop == "box" else 1.0)


def network(model: plan.BenchModel) -> str:
    """Return the hash that identifies a network: of a run's weights, or of the IR of a bundle's delivered precision."""
    if model.is_run:
        return sha256(model.path / "model.safetensors")
    bundle = Bundle.open(model.path)
    return hashlib.sha256(b"".join(bundle.read(name) for name in bundle.model_files(*model.delivered))).hexdigest()


def arch(model: plan.BenchModel) -> str | None:
    """Return the architecture, as in `edgewbc train --arch`; None if a bundle does not state it."""
    found: str | None = (
        runs.spec(model.path).arch if model.is_run else Bundle.open(model.path).manifest.to_json().get("arch")
    )
    return found


def gmac(model: plan.BenchModel, converted: Path | None) -> float | None:
    """Return billions of multiply-adds per image; None where they cannot be counted.

    Args:
        model: a bundle or run.
        converted: the folder with a run's network converted to OpenVINO.
    """
    found = ir.read_any_ir(model, converted)
    macs = None if found is None else ir.count_macs(*found)
    return None if macs is None else macs / 1e9


def gmac_of_row(row: dict[str, Any]) -> float | None:
    """Return billions of multiply-adds per image of an IR that a peer wrote, at the input size of its measurement.

    Args:
        row: what the peer's preparation returned for the row; without `xml` and `inputs` the result is None.
    """
    if not row.get("xml") or not row.get("inputs"):
        return None
    import openvino as ov

    with tempfile.TemporaryDirectory(prefix="edgewbc-peers-") as folder:
        fixed = Path(folder) / "fixed.xml"
        network = ov.Core().read_model(row["xml"])
        network.reshape([1, *row["inputs"]["shape"][1:]])
        ov.save_model(network, fixed, compress_to_fp16=False)
        macs = ir.count_macs(fixed.read_bytes(), fixed.with_suffix(".bin").read_bytes())
    return None if macs is None else macs / 1e9


def minutes(run: Path) -> float | None:
    """Return the minutes of a run's training from its metrics; None if the run has none."""
    return stages.minutes(run) if (run / METRICS).is_file() else None
