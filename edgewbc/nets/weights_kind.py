"""Detect weight files in formats other than safetensors, the only accepted format; pickles are never loaded."""

from __future__ import annotations

from pathlib import Path

from edgewbc.errors import UserError

_TORCH = "a PyTorch file, which can run code when it is loaded"
_KERAS = "a Keras file, whose weights have other names and another order of axes"
_KINDS = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), _TORCH),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), _KERAS),
    **dict.fromkeys((".onnx", ".xml", ".tflite", ".pb"), "a graph for a runtime, without weights to train from"),
    **dict.fromkeys((".npz", ".npy"), "a NumPy file"),
}


def check_kind(path: Path) -> None:
    """Check by file name and first bytes that a file may be in the safetensors format.

    Raises:
        UserError: the file has another format; the message says how to convert it.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None and path.is_file():
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith((b"PK\x03\x04", b"\x80\x02")):
            kind = _TORCH
        elif start == b"\x89HDF\r\n\x1a\n":
            kind = _KERAS
    if kind is None:
        return
    new = path.with_suffix(".safetensors")
    remedy = f"save them under PyTorch's names (features.0.weight, ...) as {new}"
    if kind == _TORCH:
        code = f"save_file(torch.load({str(path)!r}, weights_only=True), {str(new)!r})"
        remedy = f'convert it: python -c "import torch; from safetensors.torch import save_file; {code}"'
    raise UserError(f"{path}: is {kind}; weights are read as safetensors: {remedy}")
