"""Training checkpoints: one safetensors file with all tensors, and the other state as JSON in its metadata. No pickle.

A checkpoint holds everything that the rest of a training depends on, so that on a CPU a resumed training ends with the
same weights, bit for bit, as an uninterrupted one. Its metadata has a hash of the contents, so that a damaged
checkpoint is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edgewbc.errors import UserError
from edgewbc.train.history import EpochResult
from edgewbc.utils.files import atomic_write

NAME = "checkpoint.safetensors"


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes:
        manifest_sha256: of the manifest that it is trained on.
        epoch: epochs finished, validation included.
        batch: batches done of the current epoch; all of them if only its validation is left.
        loss: sum of the training loss over the `seen` images of the current epoch.
        seen: images of the current epoch trained on so far.
        seconds: duration of the current epoch so far.
        lines: results of the finished epochs.
        spec_sha256: of the description of the network; empty in checkpoints of earlier versions.
        processes: that train together; 0 in checkpoints of earlier versions.
    """

    manifest_sha256: str
    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    lines: list[EpochResult] = field(default_factory=list)
    spec_sha256: str = ""
    processes: int = 0

    def finish_epoch(self, result: EpochResult) -> None:
        """Record an epoch's result and start counting the next epoch."""
        self.lines.append(result)
        self.epoch += 1
        self.batch, self.loss, self.seen, self.seconds = 0, 0.0, 0, 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {**asdict(self), "lines": [line.to_json() for line in self.lines]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingState:
        """Return the state that `to_json` gave."""
        return cls(**{**values, "lines": [EpochResult.from_json(line) for line in values["lines"]]})


def save(
    run: Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    state: TrainingState,
    average: nn.Module | None = None,
) -> None:
    """Write the weights, the best weights so far, the optimizer's moments, torch's random state and `state`.

    `average` is the moving average of the weights, if there is one.

    Raises:
        UserError: it cannot be written, such as on a full disk; the checkpoint before is kept.
    """
    tensors = {f"net.{name}": value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value.detach().cpu().contiguous().clone() for name, value in best.items()}
    if average is not None:
        tensors |= {
            f"average.{name}": value.detach().cpu().contiguous() for name, value in average.state_dict().items()
        }
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value).detach().cpu().clone().contiguous()
    tensors["random"] = torch.get_rng_state()
    text = json.dumps(state.to_json())
    path = run / NAME
    try:
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, metadata={"state": text, "sha256": _digest(tensors, text)})
    except (OSError, SafetensorError) as error:
        next_step = (
            f"the checkpoint before it is kept: free some space and continue with --resume {run}"
            if path.is_file()
            else "free some space and start again"
        )
        raise UserError(f"{path}: the checkpoint cannot be written ({error}); {next_step}") from None


def load(
    run: Path, net: nn.Module, optimizer: torch.optim.Optimizer, average: nn.Module | None = None
) -> tuple[dict[str, Tensor], TrainingState]:
    """Restore a checkpoint into `net`, `optimizer`, `average` (if there is one) and torch's random generator.

    Returns:
        the best weights so far, and the state.

    Raises:
        UserError: there is no checkpoint, or it cannot be read or does not fit the network.
    """
    path = run / NAME
    if not path.is_file():
        raise UserError(f"{path}: no checkpoint to resume from; start again without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        if metadata.get("sha256") != _digest(tensors, metadata["state"]):
            raise ValueError("it is damaged (its contents do not have the hash that they were written with)")
        state = TrainingState.from_json(json.loads(metadata["state"]))
        net.load_state_dict(_with_prefix(tensors, "net."))
        if average is not None:
            average.load_state_dict(_with_prefix(tensors, "average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _with_prefix(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        _match_memory_layout(optimizer)
        torch.set_rng_state(tensors["random"])
    except Exception as error:
        raise UserError(f"{path}: this checkpoint cannot be resumed: {error}") from None
    return _with_prefix(tensors, "best."), state


def _digest(tensors: dict[str, Tensor], state: str) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of all tensors, and of the state."""
    digest = hashlib.sha256(state.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _match_memory_layout(optimizer: torch.optim.Optimizer) -> None:
    """Give each moment the memory layout of its weight (channels last), which fused optimizers assume."""
    for weight, moments in optimizer.state.items():
        for name, value in moments.items():
            if value.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(value)


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
