"""PyTorch itself on a run's network: eager, compiled by Inductor, and its own static INT8 (PT2E, X86InductorQuantizer).

It runs in the toolkit's own environment: who trained the network has it. Inductor compiles with the system's C++
compiler; what it compiled is kept in its folder, so that only the first turn of a batch size waits for it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peer

CALIBRATED_AT_ONCE = 10


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Look for a compiler, and quantize."""
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
            rows[key]["error"] = f"torch.compile needs a C++ compiler, and there is no {compiler} here"
    else:
        try:
            rows["pt2e"]["program"] = str(_quantize(run, job, folder / "int8.pt2"))
        except Exception as error:  # this path is young: that it fails is a result
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            rows["pt2e"]["error"] = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    return {
        "classes": list(spec.classes),
        "inputs": job["inputs"],
        "rows": rows,
        "minutes": None,
        "version": peer.versions("torch", "torchao"),
        "facts": {
            "calibrated_on": f"train, {job['calibration_inputs']['shape'][0]} pictures",
            "compile": "torch.compile(dynamic=False), weights frozen",
        },
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """The network as a function of uint8 pictures, in the way that the row names."""
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
    return _answers(_compiled(deployed) if compiled else deployed)


def _int8(program: Path) -> Callable[[Any], Any]:
    """The quantized program; Inductor turns its quantize and dequantize steps into int8 kernels."""
    import torch
    import torchao.quantization.pt2e  # noqa: F401  (the operators of the program)
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer  # noqa: F401

    return _answers(_compiled(torch.export.load(program).module()))


def _compiled(net: Any) -> Any:
    import torch
    import torch._inductor.config as inductor

    inductor.freezing = True  # weights are constants: without it nothing is packed, and nothing runs in int8
    torch._dynamo.config.cache_size_limit = 64
    return torch.compile(net, dynamic=False)


def _answers(net: Any) -> Callable[[Any], Any]:
    import numpy as np
    import torch

    def predict(batch: Any) -> Any:
        with torch.no_grad():
            return np.asarray(net(torch.from_numpy(batch))[0].float().numpy())

    return predict


def _quantize(run: Path, job: dict[str, Any], to: Path) -> Path:
    """Calibrate on train pictures and save the quantized program."""
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
        for start in range(0, raw["shape"][0], CALIBRATED_AT_ONCE):
            observed(torch.from_numpy(peer.read_inputs(raw, start, CALIBRATED_AT_ONCE)))
        quantized = convert_pt2e(observed)
        saved = torch.export.export(quantized, (example,), dynamic_shapes=({0: batch},))
    torch.export.save(saved, to)
    return to


if __name__ == "__main__":
    peer.main(prepare, load)
