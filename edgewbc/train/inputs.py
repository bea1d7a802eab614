"""What the trained layers receive: batches of images, or cached feature maps of the frozen blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import batches, frozen_features
from edgewbc.train.recipe import Distil, Fit
from edgewbc.train.teacher import Teacher, TeacherOutput
from edgewbc.train.teacher_cache import TeacherCache

Plan = list[NDArray[np.int64]]
"""The batches of an epoch: indices into the training images, (n,) each."""


class TrainingBatch(NamedTuple):
    """A batch on the training device: input (n, ...), image indices (n,), and the teacher's output if there is one."""

    x: Tensor
    rows: NDArray[np.int64]
    taught: TeacherOutput | None


class Inputs(Protocol):
    """Source of a training's batches."""

    def plan_number(self, epoch: int) -> int:
        """Return the number that seeds an epoch's order and augmentation; epochs with the same number are alike."""

    def training(self, plan: Plan, number: int, first: int) -> Iterator[TrainingBatch]:
        """Yield the batches of a plan from batch `first` on; `number` is that of `plan_number`."""

    def validation(self, rows: NDArray[np.int64], size: int) -> Iterator[Tensor]:
        """Yield the input of the validation images `rows` in batches of up to `size`."""


@dataclass(frozen=True)
class Setting:
    """What both sources need to know of a training.

    Attributes:
        manifest: the images.
        train: entries of the train split.
        val: entries of the validation split.
        spec: of the network.
        fit: the `fit` section of the recipe.
        device: that trains.
        process: index of this process, and number of processes.
    """

    manifest: Manifest
    train: list[Entry]
    val: list[Entry]
    spec: ModelSpec
    fit: Fit
    device: torch.device
    process: tuple[int, int] = (0, 1)

    def autocast(self) -> torch.autocast:
        """Return the context in which the network computes: bfloat16 if the recipe says so."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.fit.precision == "bf16")


class Normalizer:
    """Turns prepared images into a network's input on the training device."""

    def __init__(self, net: Network, setting: Setting) -> None:
        """Take the normalization from the network's description."""
        self._deployed = Deployed(net, setting.spec.pixels).to(setting.device)
        self._device = setting.device

    def __call__(self, prepared: NDArray[np.uint8]) -> Tensor:
        """uint8 (n, h, w, 3) to float32 (n, 3, h, w), channels last in memory."""
        tensor = torch.from_numpy(prepared).to(self._device)
        return self._deployed.normalize(tensor).contiguous(memory_format=torch.channels_last)


class ImageInputs:
    """Augmented images, and what a teacher predicts for them."""

    def __init__(
        self, setting: Setting, to_input: Normalizer, teacher: Teacher | None = None, distil: Distil | None = None
    ) -> None:
        """Prepare the teacher's cache if the recipe repeats views (`distil.views`)."""
        self._setting, self._to_input, self._teacher = setting, to_input, teacher
        self._views = 0
        self._cache: TeacherCache | None = None
        if teacher is not None and distil is not None and distil.views:
            drawn = setting.fit.model_dump(mode="json", include={"seed", "batch", "balance", "augment", "precision"})
            part = [*setting.process, *(["place"] if setting.process[1] > 1 else [])]
            key = drawn | {"manifest": setting.manifest.sha256, "part": part}
            self._views, self._cache = distil.views, TeacherCache(teacher, key)

    def plan_number(self, epoch: int) -> int:
        """Return the epoch, or its place among the views that are repeated."""
        return epoch % self._views if self._views else epoch

    def training(self, plan: Plan, number: int, first: int) -> Iterator[TrainingBatch]:
        """Yield augmented images; the teacher predicts what is not in its cache."""
        setting, teacher, cache = self._setting, self._teacher, self._cache
        cached = cache is not None and cache.has(number)
        sizes = (setting.spec.pixels, *(teacher.views if teacher is not None and not cached else ()))
        start = sum(len(rows) for rows in plan[:first])
        for prepared, rows in batches.augmented(
            setting.manifest, setting.train, sizes, plan,
            ranges=setting.fit.augment, seed=(setting.fit.seed, number, 0), first=first,
            place=setting.process[0] * setting.fit.batch, workers=setting.fit.workers,
        ):  # fmt: skip
            taught: TeacherOutput | None = None
            if cache is not None and cached:
                taught = cache.get(start, len(rows)).to(setting.device)
            elif teacher is not None:
                with setting.autocast():
                    taught = teacher.predict([torch.from_numpy(view).to(setting.device) for view in prepared])
                if cache is not None:
                    cache.add(start, taught)
            start += len(rows)
            yield TrainingBatch(self._to_input(prepared[0]), rows, taught)
        if cache is not None:
            cache.finish(start)

    def validation(self, rows: NDArray[np.int64], size: int) -> Iterator[Tensor]:
        """Yield images prepared as in evaluation."""
        entries = [self._setting.val[i] for i in rows]
        for prepared in images.batches(self._setting.manifest, entries, self._setting.spec.pixels, size):
            yield self._to_input(prepared)


class FrozenInputs:
    """Feature maps of the frozen blocks, computed once for all images."""

    def __init__(self, net: Network, setting: Setting, to_input: Normalizer) -> None:
        """Compute the maps. Raises UserError if they would not fit into memory."""
        dtype = torch.bfloat16 if setting.fit.precision == "bf16" else torch.float32
        self._device = setting.device
        self._train, self._val = (
            frozen_features.feature_maps(
                net, setting.fit.freeze_blocks, setting.manifest, entries, setting.spec.pixels, to_input, dtype=dtype
            )
            for entries in (setting.train, setting.val)
        )

    def plan_number(self, epoch: int) -> int:
        """Return the epoch."""
        return epoch

    def training(self, plan: Plan, number: int, first: int) -> Iterator[TrainingBatch]:
        """Yield the maps of the training images."""
        for rows in plan[first:]:
            yield TrainingBatch(self._train[torch.from_numpy(rows)].to(self._device), rows, None)

    def validation(self, rows: NDArray[np.int64], size: int) -> Iterator[Tensor]:
        """Yield the maps of the validation images."""
        for start in range(0, len(rows), size):
            yield self._val[torch.from_numpy(rows[start : start + size])].to(self._device)
