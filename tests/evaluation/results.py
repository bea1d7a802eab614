"""A result of an evaluation, made by hand."""

from __future__ import annotations

from edgewbc.evaluation.result import EvalResult, ReferenceComparison
from edgewbc.metrics import score

RESULT = EvalResult(
    **vars(score([0, 0, 0, 1], [0, 0, 1, 1], ("a", "b", "c"))),
    protocol="published",
    split="test",
    source="pbc",
    manifest_sha256="b" * 64,
    model="wbc",
    model_sha256="a" * 64,
    precision="int8",
    backend="openvino",
    brier=0.4,
    log_loss=0.5,
    calibration_error=0.01,
    reference=ReferenceComparison(0.99, "published", False),
)
"""Three of four cells are right; class `c` has no cell."""
