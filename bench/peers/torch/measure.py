"""PyTorch on a run's network: eager, compiled by Inductor, and its own static INT8 (PT2E, X86InductorQuantizer).

It runs in edgewbc's own environment, which already contains PyTorch. Inductor compiles with the system's C++ compiler
and caches the result in the preparation folder, so that only the first measurement of a batch size compiles.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peer

CALIBRATION_BATCH = 10


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Check that there is a C++ compiler, and quantize."""
    from edgewbc import runs
    from edgewbc.utils.files import sha256

    run, folder = Path(job["source"]), Path(job["folder"])
    spec = runs.spec(run)
    shared = {
        "input": [spec.pixels.height, spec.pixels.width],
        "network": sha256(run / "model.safetensors"),
        "run": str(run),
    }
    rows: dict[str, dict[str, Any]] = {key: {**shared, "key": key} for key in job["rows"]}
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        for key in ("compile", "pt2e"):
            rows[key]["error"] = f"torch.compile needs a C++ compiler, and {compiler} is not installed"
    else:
        try:
            rows["pt2e"]["program"] = str(_quantize(run, job, folder / "int8.pt2"))
        except Exception as error:  # PT2E is young: a failure of it is a result
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            rows["pt2e"]["error"] = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    return {
        "classes": list(spec.classes),
        "inputs": job["inputs"],
        "rows": rows,
        "minutes": None,
        "version": peer.versions("torch", "torchao"),
        "facts": {
            "calibrated_on": f"train, {job['calibration_inputs']['shape'][0]} images",
            "compile": "torch.compile(dynamic=False), weights frozen",
        },
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Return the network as a function of uint8 images, run as the row's key says."""
    import torch

    torch.set_num_threads(job["threads"])
    predict: Callable[[Any], Any]
    if row["key"] == "pt2e":
        predict, files = _int8(Path(row["program"])), [Path(row["program"])]
    else:
        predict, files = _f32(Path(row["run"]), row["key"] == "compile"), [Path(row["run"]) / "model.safetensors"]
    facts = {
        "isa": torch.backends.cpu.get_cpu_capability(),
        "version": peer.versions("torch"),
        "threads": torch.get_num_threads(),
        "streams": 1,
    }
    return peer.Model(predict, files, facts)


def _f32(run: Path, compiled: bool) -> Callable[[Any], Any]:
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    net, spec = model.load(run)
    plain, _ = model.fold(net, spec)
    deployed = Deployed(plain, spec.pixels).eval().to(memory_format=torch.channels_last)
    return _predictor(_compiled(deployed) if compiled else deployed)


def _int8(program: Path) -> Callable[[Any], Any]:
    """Load the quantized program; Inductor turns its quantize and dequantize steps into int8 kernels."""
    import torch
    import torchao.quantization.pt2e  # noqa: F401  (the operators of the program)
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer  # noqa: F401

    return _predictor(_compiled(torch.export.load(program).module()))


def _compiled(net: Any) -> Any:
    import torch
    import torch._inductor.config as inductor

    inductor.freezing = True  # treats weights as constants; without it they are not packed and no int8 kernels run
    torch._dynamo.config.cache_size_limit = 64
    return torch.compile(net, dynamic=False)


def _predictor(net: Any) -> Callable[[Any], Any]:
    import numpy as np
    import torch

    def predict(batch: Any) -> Any:
        with torch.no_grad():
            return np.asarray(net(torch.from_numpy(batch))[0].float().numpy())

    return predict


def _quantize(run: Path, job: dict[str, Any], file: Path) -> Path:
    """Calibrate on train images and save the quantized program to a file."""
    import torch
    import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer as x86
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    torch.set_num_threads(job["threads"])
    net, spec = model.load(run)
    plain, _ = model.fold(net, spec)
    deployed = Deployed(plain, spec.pixels).eval().requires_grad_(False)
    raw = job["calibration_inputs"]
    example = torch.from_numpy(peer.read_inputs(raw, 0, 2))
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(deployed, (example,), dynamic_shapes=({0: batch},)).module()
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    with torch.no_grad():
        observed = prepare_pt2e(program, quantizer)
        for start in range(0, raw["shape"][0], CALIBRATION_BATCH):
            observed(torch.from_numpy(peer.read_inputs(raw, start, CALIBRATION_BATCH)))
        quantized = convert_pt2e(observed)
        saved = torch.export.export(quantized, (example,), dynamic_shapes=({0: batch},))
    torch.export.save(saved, file)
    return file


if __name__ == "__main__":
    peer.main(prepare, load)
