"""Networks with NNCF's fake quantizers: trainable, and exportable to an IR and to an ONNX file.

The quantizers round in the forward pass and pass gradients through (Jacob et al. 2018, "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", arXiv 1712.05877); their ranges are parameters.
Two ways of export work (NNCF 3.4, torch 2.14): tracing by OpenVINO's converter, and torch's older ONNX exporter after
NNCF has replaced its quantizers by torch's own, which requires torchao.
"""

from __future__ import annotations

import copy
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgewbc.compress import ptq, qdq
from edgewbc.compress.nncf_logging import quiet_nncf
from edgewbc.export import graph, integer_onnx
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.predictor import OUTPUTS
from edgewbc.utils.optional import install_command

INSTALL = install_command("qat")


class _OutputsForTracing(nn.Module):
    """The module that NNCF quantizes; it traces one forward pass, which must return all outputs.

    Input: float32 (n, 3, h, w), normalized. Output: logits (n, K), pooled vector (n, d), map (n, c, h, w).
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.net.features(x)
        pooled = self.net.pool(maps)
        return self.net.head(pooled), pooled, maps


class Quantized(Network):
    """A fake-quantized network for `train.loop.fit`; all of it is the base, and the head is empty.

    Input: float32 (n, 3, h, w), normalized. Output: logits, (n, K).
    """

    def __init__(self, quantized_net: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(quantized_net)
        self.head = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.features(x)[0]
        return logits

    def requires_grad_(self, requires_grad: bool = True) -> Quantized:
        """Change the floating-point parameters only; NNCF stores numbers of bits as integer parameters."""
        for parameter in self.parameters():
            if parameter.is_floating_point():
                parameter.requires_grad_(requires_grad)
        return self

    def network(self) -> Network:
        """Return the network without its quantizers; it shares the weights."""
        net: Network = self.features[0].net  # type: ignore[assignment]
        return net


def insert(
    net: Network, spec: ModelSpec, calibration: Sequence[NDArray[np.uint8]], options: ptq.PTQOptions
) -> Quantized:
    """Return a folded copy of a network with quantizers, whose ranges come from the calibration images.

    Args:
        net: the float network; it is not changed.
        spec: of the network.
        calibration: prepared images, each uint8 (1, h, w, 3).
        options: `preset`, `subset` and `overflow_fix` are used; for torch NNCF has only the fast bias correction.

    Raises:
        UserError: NNCF is not installed.
    """
    plain, _ = model.fold(copy.deepcopy(net).eval(), spec)
    deployed = Deployed(plain, spec.pixels)
    calibration_inputs = [deployed.normalize(torch.from_numpy(image)) for image in calibration]
    with quiet_nncf() as nncf:
        quantized_net = nncf.quantize(
            _OutputsForTracing(plain.eval()),
            nncf.Dataset(calibration_inputs),
            preset=nncf.QuantizationPreset[options.preset.upper()],
            subset_size=options.subset,
            advanced_parameters=ptq.advanced(nncf, options),
        )
    return Quantized(quantized_net).eval()


def predictor(quantized: Quantized, spec: ModelSpec) -> TorchPredictor:
    """Wrap the fake-quantized network: its predictions are those expected of the int8 files."""
    return TorchPredictor(_DeployedQuantized(quantized, spec.pixels), spec)


def to_openvino(quantized: Quantized, spec: ModelSpec) -> Any:
    """Convert to an int8 `openvino.Model` with the inputs, outputs and metadata of a bundle's model."""
    import openvino as ov

    height, width = spec.pixels.height, spec.pixels.width
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    with graph.quiet(), torch.no_grad():
        deployed = _DeployedQuantized(quantized, spec.pixels).eval()
        found = ov.convert_model(deployed, example_input=example, input=[-1, height, width, 3])
    return graph.named(found, spec)


def has_onnx() -> bool:
    """Return whether an ONNX file can be written; NNCF needs torchao for it, but does not install it."""
    return importlib.util.find_spec("torchao") is not None


def to_onnx(quantized: Quantized, spec: ModelSpec, path: Path) -> None:
    """Convert to an ONNX file with int8 weights; requires torchao (see `has_onnx`)."""
    import onnx

    height, width = spec.pixels.height, spec.pixels.width
    written = io.BytesIO()
    names = [graph.INPUT, *OUTPUTS, graph.MAP]
    with quiet_nncf() as nncf, graph.quiet(), torch.no_grad():
        example = torch.zeros(2, 3, height, width)
        quantized_net = nncf.strip(quantized.features[0], do_copy=True, example_input=example)
        torch.onnx.export(
            _DeployedQuantized(Quantized(quantized_net), spec.pixels).eval(),
            (torch.zeros(2, height, width, 3, dtype=torch.uint8),),
            written,  # type: ignore[arg-type]  # a stream works, though the annotation has only paths
            input_names=names[:1],
            output_names=names[1:],
            opset_version=graph.OPSET,
            dynamic_axes={name: {0: "batch"} for name in names},
            dynamo=False,
        )
    proto = qdq.store_int8(onnx.load_from_string(written.getvalue()))
    graph.save_onnx(integer_onnx.fuse(graph.without_map(proto)), spec, path)


class _DeployedQuantized(nn.Module):
    """The counterpart of `nets.export_wrapper.Deployed` for a quantized network."""

    def __init__(self, quantized: Quantized, pixels: PixelSpec) -> None:
        super().__init__()
        self.quantized_net = quantized.features[0]
        self.normalizer = Deployed(nn.Identity(), pixels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, pooled, maps = self.quantized_net(self.normalizer.normalize(images))
        return torch.softmax(logits, 1), pooled, maps
