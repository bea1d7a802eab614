"""Sensitivity of each layer to int8: every convolution and dense layer is quantized alone, the others stay in float.

A layer alone in int8 is compared with the float network, so that all change is due to that layer. The reverse, one
layer in float, would be compared with a network of quantized layers, whose noise exceeds the effect of most layers.
The quantization of the layer is that of the int8 file: its weights, corrected bias and input range. Both graphs run on
the validation images in OpenVINO.

One layer hardly changes the accuracy, so layers are ranked by the mean Kullback-Leibler divergence of the probabilities
from those of the float network. This is only for post-training quantization: layers that were fine-tuned in int8
compensate for each other's errors, and cannot be measured alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.compress import ptq
from edgewbc.data import images
from edgewbc.data.manifest import Manifest, SplitFacts, facts
from edgewbc.export import parity
from edgewbc.export.validation import BATCH, SPLIT
from edgewbc.nets import model
from edgewbc.nets.spec import PLAIN, ModelSpec
from edgewbc.runtime.openvino_import import core
from edgewbc.utils.json_values import take
from edgewbc.utils.progress import Progress, quiet

KINDS = {"Convolution": "convolution", "GroupConvolution": "depthwise", "MatMul": "dense"}
_PASSED = ("MaxPool", "Pad", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
"""Operations that change no values and may lie between a quantizer and the layer whose input it quantizes."""


@dataclass(frozen=True)
class OutputChange:
    """The predictions of a partly quantized network against those of the float network.

    Attributes:
        kl: mean Kullback-Leibler divergence in nats.
        agreement: share of unchanged labels.
        largest_difference: largest absolute difference in a probability.
        drop: accuracy lost, as a share of the images.
    """

    kl: float
    agreement: float
    largest_difference: float
    drop: float


@dataclass(frozen=True)
class LayerMacs:
    """A convolution or dense layer of the network.

    Attributes:
        layer: its name in the network.
        macs: multiply-adds per image.
    """

    layer: str
    macs: int


@dataclass(frozen=True)
class LayerSensitivity:
    """The effect of one layer alone in int8.

    Attributes:
        layer: the layer.
        operation: its name in the IR.
        kind: convolution, depthwise or dense.
        change: of the predictions.
    """

    layer: LayerMacs
    operation: str
    kind: str
    change: OutputChange

    def to_json(self) -> dict[str, Any]:
        """Return one flat object."""
        return {**asdict(self.layer), "operation": self.operation, "kind": self.kind, **asdict(self.change)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LayerSensitivity:
        """Read what `to_json` wrote."""
        return cls(take(LayerMacs, values), values["operation"], values["kind"], take(OutputChange, values))


@dataclass(frozen=True)
class Sensitivity:
    """The effect of int8 on each layer.

    Attributes:
        data: the images that were predicted.
        n: number of images.
        all: every layer in int8: the file itself.
        layers: each layer that is int8 in the file, the most sensitive first.
    """

    data: SplitFacts
    n: int
    all: OutputChange
    layers: tuple[LayerSensitivity, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the entry `sensitivity` of `quantize.json`."""
        layers = [layer.to_json() for layer in self.layers]
        return {**self.data.to_json(), "n": self.n, "all": asdict(self.all), "layers": layers}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sensitivity:
        """Read what `to_json` wrote."""
        layers = tuple(LayerSensitivity.from_json(one) for one in values["layers"])
        return cls(SplitFacts.from_json(values), values["n"], take(OutputChange, values["all"]), layers)


def measure(f32: Path, int8: Path, spec: ModelSpec, manifest: Manifest, progress: Progress = quiet) -> Sensitivity:
    """Measure every layer of an int8 IR on the validation images.

    Args:
        f32: IR of the float network.
        int8: IR with the same layers in the same order.
        spec: of the network.
        manifest: images to run on.
        progress: shows the progress.

    Raises:
        RuntimeError: the two do not have the same layers (a bug).
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    quantized = ptq.layers_ir(core().read_model(int8))
    layers = _layers(spec, len(quantized))
    prepared = np.concatenate(list(images.batches(manifest, entries, spec.pixels, BATCH)))
    before = _probabilities(core().read_model(f32), prepared)
    rows = []
    places = [place for place, layer in enumerate(quantized) if ptq.is_int8(layer)]
    for place in progress(places, "layers", len(places)):
        graph = core().read_model(f32)
        floats = ptq.layers_ir(graph)
        if [layer.get_type_name() for layer in floats] != [layer.get_type_name() for layer in quantized]:
            raise RuntimeError(f"{f32} and {int8} do not have the same layers")
        transplant(floats[place], quantized[place])
        rows.append(
            LayerSensitivity(
                layer=layers[place],
                operation=str(quantized[place].get_friendly_name()),
                kind=KINDS[quantized[place].get_type_name()],
                change=_change(truth, before, _probabilities(graph, prepared)),
            )
        )
    return Sensitivity(
        data=facts(manifest, SPLIT),
        n=len(truth),
        all=_change(truth, before, _probabilities(core().read_model(int8), prepared)),
        layers=tuple(sorted(rows, key=lambda row: -row.change.kl)),
    )


def transplant(layer: Any, donor: Any) -> None:
    """Replace the input, weights and bias of a float layer by those of the same layer of an int8 graph, in place."""
    from openvino import opset13 as op

    source = donor.input_value(0).get_node()
    while source.get_type_name() in _PASSED:
        source = source.input_value(0).get_node()
    if source.get_type_name() == "FakeQuantize":
        limits = [op.constant(source.input_value(i).get_node().get_data()) for i in range(1, 5)]
        fake = op.fake_quantize(layer.input_value(0), *limits, source.get_attributes()["levels"])
        layer.input(0).replace_source_output(fake.output(0))
    layer.input(1).replace_source_output(donor.input_value(1))
    own, quantized = _bias(layer), _bias(donor)
    if own is not None and quantized is not None:
        own.replace_source_output(quantized.get_source_output())


def kl(before: parity.Probabilities, after: parity.Probabilities) -> float:
    """Return the mean Kullback-Leibler divergence of `after` from `before` in nats; both (n, K)."""
    first, second = (np.maximum(p.astype(np.float64), 1e-12) for p in (before, after))
    return float(np.mean((first * np.log(first / second)).sum(1)))


def _bias(layer: Any) -> Any:
    """Return the bias input of the addition after a layer; None if there is none."""
    for target in layer.output(0).get_target_inputs():
        addition = target.get_node()
        if addition.get_type_name() == "Add":
            other = addition.input(1 - target.get_index())
            source = other.get_source_output().get_node()
            while source.get_type_name() in ("Convert", "Reshape"):
                source = source.input_value(0).get_node()
            if source.get_type_name() == "Constant":
                return other
    return None


def _probabilities(graph: Any, prepared: NDArray[np.uint8]) -> parity.Probabilities:
    compiled = core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    parts = [
        np.array(request.infer({0: prepared[start : start + BATCH]})[compiled.output("probabilities")])
        for start in range(0, len(prepared), BATCH)
    ]
    return np.concatenate(parts)


def _change(truth: NDArray[np.int64], before: parity.Probabilities, after: parity.Probabilities) -> OutputChange:
    found = parity.accuracy_drop(truth, before, after)
    return OutputChange(kl(before, after), found.agreement, found.largest_difference, found.drop)


def _layers(spec: ModelSpec, count: int) -> list[LayerMacs]:
    """Return the convolutions and dense layers of the network, in order."""
    found = [layer for layer in model.describe(replace(spec, form=PLAIN)) if layer.kind in ("conv", "dense")]
    if len(found) != count:
        raise RuntimeError(f"{len(found)} layers in the network and {count} in its int8 graph")
    return [LayerMacs(layer.name, layer.macs) for layer in found]
