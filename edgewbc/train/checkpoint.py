"""A training's state in one safetensors file: tensors, and the rest as JSON in its metadata. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edgewbc.errors import UserError
from edgewbc.utils.files import atomic_write

NAME = "checkpoint.safetensors"


def save(
    run: Path, net: nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor], state: dict[str, Any]
) -> None:
    """Write weights, best weights so far, the optimizer's moments, torch's random state and `state` (JSON values)."""
    tensors = {f"net.{name}": value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value.detach().cpu().contiguous().clone() for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value).detach().cpu().clone().contiguous()
    tensors["random"] = torch.get_rng_state()
    with atomic_write(run / NAME) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(state)})


def load(run: Path, net: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Put back what `save` wrote; gives the best weights so far and `state`.

    Raises:
        UserError: there is no checkpoint, or it does not fit.
    """
    path = run / NAME
    if not path.is_file():
        raise UserError(f"{path}: no checkpoint to resume from; start anew without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads(file.metadata()["state"])
        net.load_state_dict(_part(tensors, "net."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        _lay_out(optimizer)
        torch.set_rng_state(tensors["random"])
    except Exception as error:
        raise UserError(f"{path}: this checkpoint cannot be resumed: {error}") from None
    return _part(tensors, "best."), state


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Give each moment its weight's layout in memory (channels last): a fused step takes them to be laid out alike."""
    for weight, moments in optimizer.state.items():
        for name, value in moments.items():
            if value.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(value)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
