"""The OpenVINO IR behind a row, as bytes: to count its multiply-adds, and to give it to `benchmark_app`."""

from __future__ import annotations

from pathlib import Path

from edgewbc.bench.plan import Model
from edgewbc.bundle.bundle import Bundle

IR = tuple[bytes, bytes]
"""Contents of the .xml and of the .bin."""


def of(model: Model, converted: Path | None, precision: str) -> IR | None:
    """The IR of a precision; bf16 is computed from that of f32. None if the model has none.

    Args:
        model: a bundle or a run.
        converted: where the run was converted to.
        precision: f32, bf16 or int8.
    """
    held = "f32" if precision == "bf16" else precision
    if model.is_run:
        folders = [model.path / "openvino"] if held == "int8" else [] if converted is None else [converted]
        xml = next((folder / f"{held}.xml" for folder in folders if (folder / f"{held}.xml").is_file()), None)
        return None if xml is None else (xml.read_bytes(), xml.with_suffix(".bin").read_bytes())
    bundle = Bundle.open(model.path)
    if not bundle.holds("openvino", held):
        return None
    ir_xml, ir_weights = bundle.read_model("openvino", held).contents
    return ir_xml, ir_weights


def any_of(model: Model, converted: Path | None) -> IR | None:
    """The IR of any precision: all have the same multiply-adds."""
    found = (of(model, converted, precision) for precision in ("f32", "int8"))
    return next((ir for ir in found if ir is not None), None)
