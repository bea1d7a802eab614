"""A network with NNCF's fake quantizers in it: it can be trained, and has ways out to an IR and to an ONNX file.

The quantizers round in the forward pass and let gradients through (Jacob et al. 2018, "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", arXiv 1712.05877); their ranges are parameters too.
Of the ways out, two work (NNCF 3.4, torch 2.14): tracing by OpenVINO's converter, and torch's older ONNX exporter once
NNCF has put torch's own quantizers in the place of its own, for which it needs torchao.
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
from edgewbc.export import graph
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.pixels import PixelSpec
from edgewbc.utils.optional import install_command

INSTALL = install_command("qat")


class _Whole(nn.Module):
    """What NNCF is given: its quantizers hang on the forward pass of one module, so that module must give all outputs.

    Input: float32 (n, 3, h, w), normalised. Output: logits (n, K), pooled vector (n, d), map (n, c, h, w).
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.net.features(x)
        pooled = self.net.pool(maps)
        return self.net.head(pooled), pooled, maps


class Quantized(Network):
    """A fake-quantized network, as `train.loop.fit` takes it; all of it counts as the base, and nothing as the head.

    Input: float32 (n, 3, h, w), normalised. Output: logits, (n, K).
    """

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(whole)
        self.head = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.features(x)[0]
        return logits

    def requires_grad_(self, requires_grad: bool = True) -> Quantized:
        """As ever, save for whole numbers, which have no gradient: NNCF keeps the numbers of bits as parameters."""
        for parameter in self.parameters():
            if parameter.is_floating_point():
                parameter.requires_grad_(requires_grad)
        return self

    def network(self) -> Network:
        """The network without its quantizers, with the weights as they are: not a copy."""
        net: Network = self.features[0].net  # type: ignore[assignment]
        return net


def insert(net: Network, spec: ModelSpec, calibration: Sequence[NDArray[np.uint8]], options: ptq.Options) -> Quantized:
    """Fold a copy of a network and put quantizers into it, with ranges from the calibration pictures.

    Args:
        net: is not changed.
        calibration: prepared pictures, each uint8 (1, h, w, 3).
        options: `preset`, `subset` and `overflow_fix` count; NNCF has only the fast bias correction for torch.

    Raises:
        UserError: NNCF is not installed.
    """
    plain, _ = model.fold(copy.deepcopy(net).eval(), spec)
    scale = Deployed(plain, spec.pixels)
    items = [scale.normalise(torch.from_numpy(picture)) for picture in calibration]
    with quiet_nncf() as nncf:
        whole = nncf.quantize(
            _Whole(plain.eval()),
            nncf.Dataset(items),
            preset=nncf.QuantizationPreset[options.preset.upper()],
            subset_size=options.subset,
            advanced_parameters=ptq.advanced(nncf, options),
        )
    return Quantized(whole).eval()


def predictor(quantized: Quantized, spec: ModelSpec) -> TorchPredictor:
    """Wrap the fake-quantized network: its predictions are those expected of the int8 files."""
    return TorchPredictor(_Deployed(quantized, spec.pixels), spec)


def to_openvino(quantized: Quantized, spec: ModelSpec) -> Any:
    """Convert to an `openvino.Model` in int8, described and named as a bundle's model."""
    import openvino as ov

    height, width = spec.pixels.height, spec.pixels.width
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    with graph.quiet(), torch.no_grad():
        deployed = _Deployed(quantized, spec.pixels).eval()
        found = ov.convert_model(deployed, example_input=example, input=[-1, height, width, 3])
    return graph.named(found, spec)


def has_onnx() -> bool:
    """Whether an ONNX file can be written: NNCF needs torchao for that, which it does not install itself."""
    return importlib.util.find_spec("torchao") is not None


def to_onnx(quantized: Quantized, spec: ModelSpec, path: Path) -> None:
    """Convert to an ONNX file with int8 weights. Needs torchao (see `has_onnx`)."""
    import onnx

    height, width = spec.pixels.height, spec.pixels.width
    written = io.BytesIO()
    names = [graph.INPUT, *graph.OUTPUTS, graph.MAP]
    with quiet_nncf() as nncf, graph.quiet(), torch.no_grad():
        example = torch.zeros(2, 3, height, width)
        whole = nncf.strip(quantized.features[0], do_copy=True, example_input=example)
        torch.onnx.export(
            _Deployed(Quantized(whole), spec.pixels).eval(),
            (torch.zeros(2, height, width, 3, dtype=torch.uint8),),
            written,  # type: ignore[arg-type]  # a stream serves, though the annotation has paths only
            input_names=names[:1],
            output_names=names[1:],
            opset_version=graph.OPSET,
            dynamic_axes={name: {0: "batch"} for name in names},
            dynamo=False,
        )
    proto = qdq.store_int8(onnx.load_from_string(written.getvalue()))
    graph.save_onnx(graph.without_map(proto), spec, path)


class _Deployed(nn.Module):
    """As `nets.deploy.Deployed`, for a quantized network."""

    def __init__(self, quantized: Quantized, pixels: PixelSpec) -> None:
        super().__init__()
        self.whole = quantized.features[0]
        self.scale = Deployed(nn.Identity(), pixels)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, pooled, maps = self.whole(self.scale.normalise(pictures))
        return torch.softmax(logits, 1), pooled, maps
