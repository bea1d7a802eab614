"""What a student learns from: one network or several, of any architecture and any input size.

A teacher of another input size gets the same picture under the same random changes, drawn once more at its own size:
rotation, flips, scale, shift (as a share of the input) and colours are those that the student's picture has, because
both are drawn from the same random numbers. Enlarging the student's picture instead would ask the teacher about a
blurred cell that it was not trained on. "A good teacher is patient and consistent" (Beyer et al. 2022, arXiv
2106.05237): it must answer about the very picture that the student sees, for many epochs.

Several teachers answer with the mean of their probabilities, and with their pooled vectors side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256


@dataclass(frozen=True)
class Answer:
    """What a teacher says of a batch.

    Attributes:
        logits: log-probabilities, (n, K): as good as logits to learn from.
        features: pooled vectors (n, d), each teacher's part of mean square 1.
    """

    logits: Tensor
    features: Tensor

    def to(self, device: torch.device) -> Answer:
        """The same on a device."""
        return Answer(self.logits.to(device), self.features.to(device))


def geometry(pixels: PixelSpec) -> PixelSpec:
    """The part of a PixelSpec that decides what picture is drawn: scaling is inside the network."""
    return replace(pixels, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Teacher(nn.Module):
    """One or more networks, in evaluation mode, that are not changed.

    Attributes:
        views: what pictures it needs besides the student's own, in the order in which `answers` takes them.
        width: length of the features.
        sha256: of the weights of each network, if told.
    """

    def __init__(
        self, members: Sequence[tuple[Network, ModelSpec]], student: ModelSpec, sha256: Sequence[str] = ()
    ) -> None:
        """Raises UserError unless every network knows the student's classes, in its order."""
        super().__init__()
        if not members:
            raise UserError("no teacher was given")
        for _, spec in members:
            if spec.classes != student.classes:
                raise UserError(
                    f"a teacher knows {', '.join(spec.classes)} and the student {', '.join(student.classes)}: "
                    "it cannot teach it"
                )
        folded = [model.fold(net.eval(), spec)[0].eval() for net, spec in members]
        self.members = nn.ModuleList(Deployed(net, spec.pixels) for net, (_, spec) in zip(folded, members, strict=True))
        self.requires_grad_(False)
        self.eval()
        seen = [geometry(student.pixels)]
        self._seen: list[int] = []
        for _, spec in members:
            if geometry(spec.pixels) not in seen:
                seen.append(geometry(spec.pixels))
            self._seen.append(seen.index(geometry(spec.pixels)))
        self.views = tuple(seen[1:])
        self.pixels = tuple(spec.pixels for _, spec in members)
        self.width = sum(_features(net) for net in folded)
        self.sha256 = tuple(sha256)

    def train(self, mode: bool = True) -> Teacher:
        """It is never in training mode."""
        return super().train(False)

    @torch.no_grad()
    def answers(self, pictures: Sequence[Tensor]) -> Answer:
        """What it says of a batch.

        Args:
            pictures: uint8 (n, h, w, 3): the student's own, then those of each of `views`, of the same cells under the
                same changes.
        """
        said, pooled = [], []
        for member, which in zip(self.members, self._seen, strict=True):
            probabilities, features, _ = member(pictures[which])
            said.append(probabilities.float())
            pooled.append(unit(features.float()))
        mean = torch.stack(said).mean(0) if len(said) > 1 else said[0]
        return Answer(mean.clamp_min(1e-12).log(), torch.cat(pooled, 1))

    def __repr__(self) -> str:
        return f"Teacher({len(self.members)} networks, {len(self.views)} views of their own)"


class Pupil(nn.Module):
    """A network whose pooled vector is learnt too: through a linear map, where the teacher's has another length.

    Input: float (n, 3, h, w), normalised. Output: logits (n, K), and features as the teacher's (n, d).
    """

    def __init__(self, net: Network, width: int) -> None:
        super().__init__()
        self.net = net
        own = _features(net)
        self.map = nn.Identity() if own == width else nn.Linear(own, width, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.net.pool(self.net.features(x))
        return self.net.head(pooled), self.map(unit(pooled.float()))


def unit(vectors: Tensor) -> Tensor:
    """Vectors (n, d) scaled to a mean square of 1, each for itself."""
    return vectors / vectors.square().mean(1, keepdim=True).clamp_min(1e-12).sqrt()


def load(teachers: Sequence[Path], student: ModelSpec) -> Teacher | None:
    """The teacher made of these run folders; None where there are none.

    Raises:
        UserError: one is not a run, or knows other classes.
    """
    if not teachers:
        return None
    members = []
    for path in teachers:
        net, spec = model.load(path)
        if spec.classes != student.classes:
            raise UserError(f"{path}: has other classes than the student: it cannot teach it")
        members.append((net, spec))
    return Teacher(members, student, [digest(path) for path in teachers])


def digest(run: Path) -> str:
    """SHA-256 of a run's weights. Raises UserError if it is not a run."""
    if not runs.is_run(run):
        raise UserError(f"{run}: not a run folder, and a teacher is one")
    return sha256(run / model.WEIGHTS)


def _features(net: Network) -> int:
    first = next(layer for layer in net.head if isinstance(layer, nn.Linear))
    return first.in_features
