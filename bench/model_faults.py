"""Faults in the quantized layers of a model file, of which a golden sample should see every one that matters.

A fault is what a wrong conversion, a wrong kernel or a wrong edit leaves behind: a file that can be loaded and run, and
that predicts something else. Both kinds of files are read as a list of layers, so that they get the same faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Protocol
from xml.etree import ElementTree  # noqa: S405 - reads files of this project

import numpy as np
from numpy.typing import NDArray

from edgewbc.utils.optional import need

SCALE = np.float32(1.02)
"""What `FaultKind.SCALE` multiplies a layer's weights by."""


class FaultKind(StrEnum):
    """What is wrong with a layer."""

    ZEROED = "a channel is zero"
    FLIPPED = "a channel has the wrong sign"
    BIAS = "a bias is off"
    SCALE = "a scale is 2 % off"
    SWAPPED = "two rows of the last layer are swapped"


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or dense layer with integer weights.

    Attributes:
        weights: int8, (out, ...).
        scale: of each output channel, float32 (out,); the weight is their product.
        bias: of each output channel, (out,): float32, or int32 in units of the layer's sums.
    """

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[Any]

    @property
    def arrays(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Weights, scale and bias."""
        return self.weights, self.scale, self.bias


@dataclass(frozen=True)
class Fault:
    """A fault in one layer.

    Attributes:
        kind: what is wrong.
        layer: number of the layer, from 0.
        channel: output channel; that before it is the other one of two that are swapped.
    """

    kind: FaultKind
    layer: int
    channel: int

    def apply(self, layer: Layer) -> Layer:
        """Return a layer with this fault."""
        weights, scale, bias = layer.weights.copy(), layer.scale.copy(), layer.bias.copy()
        if self.kind is FaultKind.ZEROED:
            weights[self.channel] = 0
        elif self.kind is FaultKind.FLIPPED:
            weights[self.channel] = -weights[self.channel]
        elif self.kind is FaultKind.BIAS:
            bias[self.channel] += np.abs(bias).max()
        elif self.kind is FaultKind.SCALE:
            scale *= SCALE
        else:
            pair, swapped = [self.channel - 1, self.channel], [self.channel, self.channel - 1]
            for array in (weights, scale, bias):
                array[pair] = array[swapped]
        return Layer(weights, scale, bias)


class Layered(Protocol):
    """A model file as a list of layers."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, in order."""

    def with_layer(self, number: int, layer: Layer) -> tuple[bytes, ...]:
        """Return the contents of the model's files with another layer in the place of one."""


def faults(layers: Sequence[Layer], places: int = 6, channels: int = 2, seed: int = 0) -> Iterator[Fault]:
    """Draw faults in layers spread over a network, the first and the last among them.

    Args:
        layers: of the network, in order.
        places: number of layers with faults.
        channels: number of channels of each that get a fault of each kind; channels without weights are left out.
        seed: of the channels.
    """
    random, last = np.random.default_rng(seed), len(layers) - 1
    for number in sorted({round(place) for place in np.linspace(0, last, places)}):
        used = np.flatnonzero(layers[number].weights.reshape(len(layers[number].weights), -1).any(1))
        for kind in (FaultKind.ZEROED, FaultKind.FLIPPED, FaultKind.BIAS):
            for channel in random.choice(used, min(channels, len(used)), replace=False):
                yield Fault(kind, number, int(channel))
        yield Fault(FaultKind.SCALE, number, 0)
    for channel in range(1, len(layers[last].weights)):
        yield Fault(FaultKind.SWAPPED, last, channel)


class OnnxLayers:
    """The layers of a quantized ONNX file, whose weights, scales and biases are initializers."""

    def __init__(self, model: bytes) -> None:
        """Read a model; a layer whose weights are not int8 is left out."""
        self._onnx: Any = need("onnx", "reading an ONNX file")
        self._model = model
        graph = self._onnx.load_model_from_string(model).graph
        arrays = {each.name: self._onnx.numpy_helper.to_array(each) for each in graph.initializer}
        made = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
        self.layers: list[Layer] = []
        self._names: list[tuple[str, str, str]] = []
        for node in graph.node:
            weights = made.get(node.input[1]) if node.op_type in ("Conv", "Gemm") and len(node.input) > 2 else None
            if weights is None or weights.input[0] not in arrays:
                continue
            bias = made[node.input[2]].input[0] if node.input[2] in made else node.input[2]
            names = (weights.input[0], weights.input[1], bias)
            found = [arrays[name] for name in names]
            if found[0].dtype == np.int8 and found[1].size == len(found[0]) == found[2].size:
                self._names.append(names)
                self.layers.append(Layer(found[0], found[1].reshape(-1), found[2].reshape(-1)))

    def with_layer(self, number: int, layer: Layer) -> tuple[bytes, ...]:
        """Return the contents of the file with another layer in the place of one."""
        proto = self._onnx.load_model_from_string(self._model)
        arrays = dict(zip(self._names[number], layer.arrays, strict=True))
        for each in proto.graph.initializer:
            if each.name in arrays:
                shaped = arrays[each.name].reshape(self._onnx.numpy_helper.to_array(each).shape)
                each.CopyFrom(self._onnx.numpy_helper.from_array(shaped, each.name))
        return (bytes(proto.SerializeToString()),)


@dataclass(frozen=True)
class _Constant:
    """A constant of an IR: its type, shape, and place in the .bin file."""

    kind: str
    shape: tuple[int, ...]
    offset: int
    size: int


class IrLayers:
    """The layers of an OpenVINO IR as NNCF quantizes it: int8 weights, then their scales, then the biases."""

    def __init__(self, xml: bytes, weights: bytes) -> None:
        """Read a model's two files; a layer whose weights are not int8 is left out."""
        self._xml, self._weights = xml, weights
        constants = [
            _Constant(
                data.attrib["element_type"],
                tuple(int(size) for size in data.attrib["shape"].split(",") if size),
                int(data.attrib["offset"]),
                int(data.attrib["size"]),
            )
            for data in ElementTree.fromstring(xml).iterfind("layers/layer[@type='Const']/data")  # noqa: S314
        ]
        self.layers: list[Layer] = []
        self._places: list[tuple[_Constant, _Constant, _Constant]] = []
        for (first, scale), bias in zip(pairwise(constants), constants[2:], strict=False):
            if first.kind == "i8" and len(first.shape) > 1 and scale.size == bias.size == 4 * first.shape[0]:
                self._places.append((first, scale, bias))
                values = [self._read(each) for each in (first, scale, bias)]
                self.layers.append(Layer(values[0], values[1].reshape(-1), values[2].reshape(-1)))

    def _read(self, constant: _Constant) -> NDArray[Any]:
        kind = np.int8 if constant.kind == "i8" else np.float32
        data = self._weights[constant.offset : constant.offset + constant.size]
        return np.frombuffer(data, kind).reshape(constant.shape)

    def with_layer(self, number: int, layer: Layer) -> tuple[bytes, ...]:
        """Return the contents of the .xml and the .bin with another layer in the place of one."""
        changed = bytearray(self._weights)
        for place, array in zip(self._places[number], layer.arrays, strict=True):
            changed[place.offset : place.offset + place.size] = array.tobytes()
        return self._xml, bytes(changed)


def mutants(model: Layered, **chosen: int) -> Iterator[tuple[Fault, tuple[bytes, ...]]]:
    """Yield faults (see `faults`), each with the contents of the model's files that have it."""
    for fault in faults(model.layers, **chosen):
        yield fault, model.with_layer(fault.layer, fault.apply(replace(model.layers[fault.layer])))
