"""Measurements of a quantization, made by hand."""

from __future__ import annotations

from dataclasses import replace

from edgewbc.compress.isa_check import IsaComparison, IsaRun
from edgewbc.compress.sensitivity import LayerMacs, LayerSensitivity, OutputChange, Sensitivity
from edgewbc.data.manifest import Protocol, Split, SplitFacts
from edgewbc.export.parity import AccuracyDrop
from edgewbc.metrics import Accuracy, McNemar

DATA = SplitFacts(Protocol.GROUPED, Split.VAL, "pbc", "c" * 64)

ISA = IsaComparison(
    sha256="a" * 64,
    data=DATA,
    native=IsaRun("large", {"u8": 5}, Accuracy(20, 20)),
    avx2=IsaRun("small", {"u8": 5}, Accuracy(20, 19)),
    change=AccuracyDrop(0.05, 0.95, 0.25, McNemar(1, 0, 1.0)),
)

CHANGE = OutputChange(kl=0.00123, agreement=0.95, largest_difference=0.3, drop=0.05)

SENSITIVITY = Sensitivity(
    DATA,
    20,
    replace(CHANGE, drop=0.0),
    (LayerSensitivity(LayerMacs("features.0", 2_500_000), "c", "convolution", CHANGE),),
)
