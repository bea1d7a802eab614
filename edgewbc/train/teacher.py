"""Knowledge distillation: the teachers, what a student needs to learn their features, and the losses.

A teacher is one network or several, of any architecture and input size. A teacher of another input size receives the
same image under the same augmentation, drawn once more at its own size: rotation, flips, scale, shift (as a share of
the input) and colors match the student's view, because both are drawn from the same random numbers. Resizing the
student's input instead would show the teacher a blurred cell that it was not trained on. "A good teacher is patient and
consistent" (Beyer et al. 2022, arXiv 2106.05237): it must see the student's view, for many epochs.

Several teachers predict the mean of their probabilities, and their feature vectors are concatenated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256


@dataclass(frozen=True)
class TeacherOutput:
    """A teacher's predictions for a batch.

    Attributes:
        logits: log-probabilities, float (n, K); equivalent to logits as a training target.
        features: pooled vectors, float (n, d); each teacher's part is scaled to a mean square of 1.
    """

    logits: Tensor
    features: Tensor

    def to(self, device: torch.device) -> TeacherOutput:
        """Return a copy on a device."""
        return TeacherOutput(self.logits.to(device), self.features.to(device))


@dataclass(frozen=True)
class TeacherRecord:
    """A run that teaches, as `started.json` and `lineage.json` name it.

    Attributes:
        run: name of its folder.
        sha256: of its weights.
        path: of its folder; None in a lineage, which names no paths.
    """

    run: str
    sha256: str
    path: str | None = None

    @classmethod
    def of(cls, run: Path) -> TeacherRecord:
        """Return the record of a run folder. Raises UserError if it is not one."""
        return cls(run.resolve().name, weights_sha256(run), str(run.resolve()))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types, without `path` if there is none."""
        return {"run": self.run, "sha256": self.sha256, **({"path": self.path} if self.path is not None else {})}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TeacherRecord:
        """Read what `to_json` wrote."""
        return cls(values["run"], values["sha256"], values.get("path"))

    def without_path(self) -> TeacherRecord:
        """Return the record for a lineage."""
        return replace(self, path=None)


def geometry(pixels: PixelSpec) -> PixelSpec:
    """Return the part of a PixelSpec that decides which view is drawn; normalization happens inside the network."""
    return replace(pixels, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Teacher(nn.Module):
    """One or more networks in evaluation mode whose weights do not change.

    Attributes:
        views: input geometries that it needs besides the student's, in the order in which `predict` takes them.
        pixels: input of each network.
        width: length of the feature vector.
        records: the runs that the networks come from, if they come from runs.
    """

    def __init__(
        self,
        members: Sequence[tuple[Network, ModelSpec]],
        student: ModelSpec,
        records: Sequence[TeacherRecord] = (),
    ) -> None:
        """Raises UserError unless every network has the student's classes, in the same order."""
        super().__init__()
        if not members:
            raise UserError("no teacher was given")
        for _, spec in members:
            if spec.classes != student.classes:
                raise UserError(
                    f"the classes of a teacher ({', '.join(spec.classes)}) are not those of the student "
                    f"({', '.join(student.classes)})"
                )
        folded = [model.fold(net.eval(), spec)[0].eval() for net, spec in members]
        self.members = nn.ModuleList(Deployed(net, spec.pixels) for net, (_, spec) in zip(folded, members, strict=True))
        self.requires_grad_(False)
        self.eval()
        views = [geometry(student.pixels)]
        self._view_of: list[int] = []
        for _, spec in members:
            if geometry(spec.pixels) not in views:
                views.append(geometry(spec.pixels))
            self._view_of.append(views.index(geometry(spec.pixels)))
        self.views = tuple(views[1:])
        self.pixels = tuple(spec.pixels for _, spec in members)
        self.width = sum(_feature_width(net) for net in folded)
        self.records = tuple(records)

    def train(self, mode: bool = True) -> Teacher:
        """Stay in evaluation mode, whatever `mode` is."""
        return super().train(False)

    @torch.no_grad()
    def predict(self, images: Sequence[Tensor]) -> TeacherOutput:
        """Return the predictions for a batch.

        Args:
            images: uint8 (n, h, w, 3), once for the student's view and once for each of `views`; the same cells under
                the same augmentation.
        """
        probabilities, features = [], []
        for member, view in zip(self.members, self._view_of, strict=True):
            member_probabilities, member_features, _ = member(images[view])
            probabilities.append(member_probabilities.float())
            features.append(unit(member_features.float()))
        mean = torch.stack(probabilities).mean(0) if len(probabilities) > 1 else probabilities[0]
        return TeacherOutput(mean.clamp_min(1e-12).log(), torch.cat(features, 1))

    def __repr__(self) -> str:
        return f"Teacher({len(self.members)} networks, {len(self.views)} views of their own)"


class FeatureStudent(nn.Module):
    """A student whose features are trained too, through a linear map if the teacher's have another length.

    Input: float (n, 3, h, w), normalized. Output: logits (n, K), and features of the teacher's length (n, d).
    """

    def __init__(self, net: Network, width: int) -> None:
        """Wrap `net` for a teacher whose features have length `width`."""
        super().__init__()
        self.net = net
        own = _feature_width(net)
        self.map = nn.Identity() if own == width else nn.Linear(own, width, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and mapped features."""
        pooled = self.net.pool(self.net.features(x))
        return self.net.head(pooled), self.map(unit(pooled.float()))


def distillation_loss(student: Tensor, teacher: Tensor, hard: Tensor, temperature: float, weight: float) -> Tensor:
    """Return the loss of a student that learns from labels and from a teacher (Hinton et al. 2015, arXiv 1503.02531).

    Args:
        student: logits, (n, K).
        teacher: logits, (n, K).
        hard: loss against the labels, ().
        temperature: divides both logits; the soft loss is scaled by its square, as in the paper.
        weight: weight of the soft loss; the hard loss has weight `1 - weight`.
    """
    soft = functional.kl_div(
        functional.log_softmax(student / temperature, 1),
        functional.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    return weight * temperature**2 * soft + (1 - weight) * hard


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared error of features, (n, d) each (FitNets, Romero et al. 2015, arXiv 1412.6550).

    Both are scaled by `unit`, so that the student learns the direction and keeps its own scale. The loss of an
    untrained student is about 1.
    """
    return functional.mse_loss(student, teacher)


def unit(vectors: Tensor) -> Tensor:
    """Scale each of the vectors (n, d) to a mean square of 1."""
    return vectors / vectors.square().mean(1, keepdim=True).clamp_min(1e-12).sqrt()


def load(teachers: Sequence[Path], student: ModelSpec) -> Teacher | None:
    """Load the teacher made of these run folders; None if there are none.

    Raises:
        UserError: one is not a finished run, has changed, or has other classes than the student.
    """
    if not teachers:
        return None
    members = []
    for path in teachers:
        runs.verify(path)
        net, spec = model.load(path)
        if spec.classes != student.classes:
            raise UserError(
                f"{path}: its classes ({', '.join(spec.classes)}) are not those of the student "
                f"({', '.join(student.classes)}): name another --teacher"
            )
        members.append((net, spec))
    return Teacher(members, student, [TeacherRecord.of(path) for path in teachers])


def weights_sha256(run: Path) -> str:
    """Return the SHA-256 of a run's weights. Raises UserError if it is not a run folder."""
    if not runs.is_run(run):
        raise UserError(f"{run}: not a run folder, so it cannot be a teacher")
    return sha256(run / model.WEIGHTS)


def _feature_width(net: Network) -> int:
    first = next(layer for layer in net.head if isinstance(layer, nn.Linear))
    return first.in_features
