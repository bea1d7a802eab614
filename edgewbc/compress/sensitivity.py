"""Which layers int8 hurts: each convolution and dense layer is put into int8 alone, the others stay in float.

A layer alone in int8 is held against the float network, so that all that changes is that layer's doing; a layer alone
in float would be held against a network whose other layers are all noisy, and most layers matter less than that noise.
What int8 would do is taken from the int8 file itself: the layer gets its weights, its corrected bias and the range of
its input, and both graphs answer the validation pictures in OpenVINO.

Accuracy hardly moves with one layer, so they are ranked by what does: the mean Kullback-Leibler divergence of the
probabilities from those of the float network. This is for a quantization after training: layers that were fine-tuned in
int8 have learnt to make up for each other's errors, and one of them alone says nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.compress import ptq
from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.export import parity
from edgewbc.export.validation import BATCH, SPLIT
from edgewbc.nets import model
from edgewbc.nets.spec import PLAIN, ModelSpec
from edgewbc.utils.progress import Progress, quiet

KINDS = {"Convolution": "convolution", "GroupConvolution": "depthwise", "MatMul": "dense"}
_PASSED = ("MaxPool", "Pad", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
"""Operations that change no value, and may stand between the quantization of a map and the layer that takes it."""


def measure(f32: Path, int8: Path, spec: ModelSpec, manifest: Manifest, progress: Progress = quiet) -> dict[str, Any]:
    """Measure every layer of an int8 IR on the validation pictures.

    Args:
        f32, int8: IRs of the same layers in the same order.

    Returns:
        protocol, split, source, manifest_sha256, n; `all` (every layer in int8: the file itself) and `layers`, the most
        sensitive first: layer (its name in the network), operation (its name in the IR), kind, macs, and of the answers
        with it alone in int8: kl (nats, mean), agreement (share of labels as in float), largest_difference (in a
        probability), drop (accuracy lost, as a share). Layers that the file holds in float are left out.

    Raises:
        RuntimeError: the two do not have the same layers (a bug).
    """
    import openvino as ov

    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    core = ov.Core()
    quantized = ptq.layers_ir(core.read_model(int8))
    names = _names(spec, len(quantized))
    shown = np.concatenate(list(images.batches(manifest, entries, spec.pixels, BATCH)))
    before = _answers(core.read_model(f32), shown)
    rows = []
    places = [place for place, layer in enumerate(quantized) if ptq.is_int8(layer)]
    for place in progress(places, "layers", len(places)):
        graph = core.read_model(f32)
        floats = ptq.layers_ir(graph)
        if [layer.get_type_name() for layer in floats] != [layer.get_type_name() for layer in quantized]:
            raise RuntimeError(f"{f32} and {int8} do not have the same layers")
        transplant(floats[place], quantized[place])
        rows.append(
            {
                **names[place],
                "operation": str(quantized[place].get_friendly_name()),
                "kind": KINDS[quantized[place].get_type_name()],
                **_change(truth, before, _answers(graph, shown)),
            }
        )
    return {
        **facts(manifest, SPLIT).to_json(),
        "n": len(truth),
        "all": _change(truth, before, _answers(core.read_model(int8), shown)),
        "layers": sorted(rows, key=lambda row: -row["kl"]),
    }


def transplant(layer: Any, donor: Any) -> None:
    """Give a float layer the quantized input, weights and bias of the same layer of an int8 graph, in place."""
    from openvino import opset13 as op

    source = donor.input_value(0).get_node()
    while source.get_type_name() in _PASSED:
        source = source.input_value(0).get_node()
    if source.get_type_name() == "FakeQuantize":
        ends = [op.constant(source.input_value(i).get_node().get_data()) for i in range(1, 5)]
        fake = op.fake_quantize(layer.input_value(0), *ends, source.get_attributes()["levels"])
        layer.input(0).replace_source_output(fake.output(0))
    layer.input(1).replace_source_output(donor.input_value(1))
    own, given = _bias(layer), _bias(donor)
    if own is not None and given is not None:
        own.replace_source_output(given.get_source_output())


def kl(before: parity.Probabilities, after: parity.Probabilities) -> float:
    """Mean Kullback-Leibler divergence of `after` from `before`, nats; both (n, K)."""
    first, second = (np.maximum(p.astype(np.float64), 1e-12) for p in (before, after))
    return float(np.mean((first * np.log(first / second)).sum(1)))


def _bias(layer: Any) -> Any:
    """The input of the addition after a layer that holds the bias; None if there is none."""
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


def _answers(graph: Any, shown: NDArray[np.uint8]) -> parity.Probabilities:
    import openvino as ov

    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    parts = [
        np.array(request.infer({0: shown[start : start + BATCH]})[compiled.output("probabilities")])
        for start in range(0, len(shown), BATCH)
    ]
    return np.concatenate(parts)


def _change(truth: NDArray[np.int64], before: parity.Probabilities, after: parity.Probabilities) -> dict[str, Any]:
    found = parity.accuracy_drop(truth, before, after).to_json()
    return {"kl": kl(before, after), **{key: found[key] for key in ("agreement", "largest_difference", "drop")}}


def _names(spec: ModelSpec, count: int) -> list[dict[str, Any]]:
    """Name and multiply-adds of each convolution and dense layer of the network, in order."""
    found = [layer for layer in model.describe(replace(spec, form=PLAIN)) if layer.kind in ("conv", "dense")]
    if len(found) != count:
        raise RuntimeError(f"{len(found)} layers in the network and {count} in its int8 graph")
    return [{"layer": layer.name, "macs": layer.macs} for layer in found]
