"""torch on the CPU, with the same interface as the other backends."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.predictor import Backend, Batch, ModelInfo, Prediction, Predictor


class TorchPredictor(Predictor):
    """A torch module that takes uint8 NHWC images and returns probabilities and features first."""

    def __init__(
        self,
        deployed: nn.Module,
        spec: ModelSpec,
        *,
        precision: Literal["f32", "bf16"] = "f32",
        threads: int | None = None,
    ) -> None:
        """Wrap a module.

        Args:
            deployed: a network in its deployed form (see `export_wrapper.Deployed`).
            spec: classes and input size.
            precision: bf16 computes under `torch.autocast`.
            threads: number of inference threads of this process; None keeps the current setting.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        self._deployed = deployed.eval()
        self.info = ModelInfo(
            backend=Backend.TORCH,
            precision=precision,
            compute=precision,
            classes=len(spec.classes),
            input_size=(spec.pixels.height, spec.pixels.width),
            labels=spec.classes,
            threads=torch.get_num_threads(),
            isa=torch.backends.cpu.get_cpu_capability(),
            version=torch.__version__.partition("+")[0],
        )

    @classmethod
    def from_network(cls, net: nn.Module, spec: ModelSpec) -> TorchPredictor:
        """Wrap a network for prediction in f32; its parameters are shared, not copied."""
        return cls(Deployed(net, spec.pixels), spec)

    @classmethod
    def from_run(
        cls, run: Path, *, precision: Literal["f32", "bf16"] = "f32", threads: int | None = None
    ) -> TorchPredictor:
        """Load the network of a run folder. Raises UserError as `model.load`."""
        net, spec = model.load(run)
        deployed = Deployed(net, spec.pixels).to(memory_format=torch.channels_last)  # images come in NHWC
        return cls(deployed, spec, precision=precision, threads=threads)

    def __call__(self, images: Batch) -> Prediction:
        """Run one batch, uint8 RGB (n, height, width, 3)."""
        autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.info.compute == "bf16")
        with torch.inference_mode(), autocast:
            probabilities, features = self._deployed(torch.from_numpy(images))[:2]
            return Prediction(_float32(probabilities), _float32(features))


def _float32(values: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(values.float().numpy())
