"""Start weights in other formats than safetensors, which the user names: PyTorch state dicts, and VGG16 of Keras.

PyTorch files are read with `weights_only`, which unpickles tensors and plain containers alone. Keras's files have the
axes of a kernel in another order, and its VGG16 takes BGR images: the first layer's kernel is turned, so that the
weights take RGB with the scaling `caffe`.
"""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from edgewbc.errors import UserError
from edgewbc.utils.optional import need

TORCH: Final = (".pt", ".pth")
KERAS: Final = (".h5", ".hdf5")

_BLOCKS: Final = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Places of VGG16's convolutions in `features`, by block."""


def accepted(path: Path) -> bool:
    """Return whether a file's name is that of a format that `read` reads."""
    return path.suffix.lower() in (*TORCH, *KERAS)


def read(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file as float32, by PyTorch's names.

    Raises:
        UserError: it cannot be read, is not a state dict, or is not a VGG16 of Keras.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; it should hold weights")
    return _torch(path) if path.suffix.lower() in TORCH else _keras(path)


def _torch(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict, also one under the key `state_dict` or `model`, or saved from several GPUs (`module.`)."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about old protocols of pickle
            values: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it holds {found[1]}, which is not loaded" if found else "it is damaged, or holds more than tensors"
        raise UserError(f"{path}: not a state dict of tensors ({what}): save net.state_dict()") from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError):
        raise UserError(f"{path}: not a file that torch.save wrote, or it is damaged: copy it again") from None
    for key in ("state_dict", "model"):
        if isinstance(values, dict) and isinstance(values.get(key), dict):
            values = values[key]
    if not isinstance(values, dict) or not values or not all(isinstance(v, torch.Tensor) for v in values.values()):
        raise UserError(f"{path}: not a state dict of tensors: save net.state_dict()")
    return {str(name).removeprefix("module."): value.float() for name, value in values.items()}


def _keras(path: Path) -> dict[str, torch.Tensor]:
    """Read the convolutions of Keras's VGG16, of its present and of its older file format."""
    h5py = need("h5py", f"{path}: weights of Keras", "pip install h5py")
    found: dict[str, torch.Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            top = file.get("model_weights", file)
            for block, places in enumerate(_BLOCKS, 1):
                for number, place in enumerate(places, 1):
                    layer = top[f"block{block}_conv{number}"]
                    arrays: list[Any] = []
                    layer.visititems(
                        lambda _, node, kept=arrays: kept.append(np.asarray(node)) if _is_data(node) else None
                    )
                    (kernel,), (bias,) = ([a for a in arrays if a.ndim == wanted] for wanted in (4, 1))
                    kernel = kernel.transpose(3, 2, 0, 1)
                    kernel = kernel[:, ::-1] if place == 0 else kernel
                    found[f"features.{place}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel)).float()
                    found[f"features.{place}.bias"] = torch.from_numpy(bias).float()
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not the weights of Keras's VGG16: {error}") from None
    return found


def _is_data(node: Any) -> bool:
    return hasattr(node, "ndim")
