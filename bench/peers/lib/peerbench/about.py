"""What is known of a network before it is measured: what it sees, what names it, its multiply-adds, its training."""

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
    """A model of the toolkit's.

    Args:
        what: `bundle` or `run folder`: which of the two it has to be.

    Raises:
        UserError: it is not that.
    """
    if runs.is_run(path) == (what == "bundle"):
        raise UserError(f"{path}: is not a {what}")
    return plan.plan(path, plan.Abilities.here())


def crop(spec: PixelSpec) -> tuple[str, int, float]:
    """What decides which part of a picture is seen; what a rule does not use is left at nothing."""
    return (spec.crop, spec.size if spec.crop == "centre" else 0, spec.scale if spec.crop == "box" else 1.0)


def network(model: plan.BenchModel) -> str:
    """Names the network: the weights of a run, the IR of a bundle's delivered precision."""
    if model.is_run:
        return sha256(model.path / "model.safetensors")
    bundle = Bundle.open(model.path)
    return hashlib.sha256(b"".join(bundle.read(name) for name in bundle.model_files(*model.delivered))).hexdigest()


def arch(model: plan.BenchModel) -> str | None:
    """Names the architecture, as `edgewbc train --arch` does; None if a bundle does not tell."""
    found: str | None = (
        runs.spec(model.path).arch if model.is_run else Bundle.open(model.path).manifest.to_json().get("arch")
    )
    return found


def gmac(model: plan.BenchModel, converted: Path | None) -> float | None:
    """Billions of multiply-adds of a picture; None where they cannot be counted.

    Args:
        converted: where a run was converted to OpenVINO.
    """
    found = ir.read_any_ir(model, converted)
    counted = None if found is None else ir.count_macs(*found)
    return None if counted is None else counted / 1e9


def gmac_of_row(row: dict[str, Any]) -> float | None:
    """Billions of multiply-adds of an IR that a peer wrote, for a picture of the size that it is measured with.

    None if it wrote none.
    """
    if not row.get("xml") or not row.get("inputs"):
        return None
    import openvino as ov

    with tempfile.TemporaryDirectory(prefix="edgewbc-peers-") as folder:
        fixed = Path(folder) / "fixed.xml"
        network = ov.Core().read_model(row["xml"])
        network.reshape([1, *row["inputs"]["shape"][1:]])
        ov.save_model(network, fixed, compress_to_fp16=False)
        counted = ir.count_macs(fixed.read_bytes(), fixed.with_suffix(".bin").read_bytes())
    return None if counted is None else counted / 1e9


def minutes(run: Path) -> float | None:
    """How long a run was trained, by its metrics; None where they are not with it."""
    return stages.minutes(run) if (run / METRICS).is_file() else None
