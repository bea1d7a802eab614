"""Cache of a teacher's predictions on disk: the same views are predicted once, for any number of students.

The images that an epoch draws and their augmentation follow from the recipe's seed, and the predictions follow from the
teacher's weights. The name of the cache folder is a hash of all of these, so that a second student of the same teacher
reuses the predictions of the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from edgewbc import runs
from edgewbc.train.teacher import Teacher, TeacherOutput
from edgewbc.utils.files import atomic_write

FOLDER = ".teacher-cache"
"""Folder under runs/ that holds the caches."""


class TeacherCache:
    """A teacher's predictions for whole epochs, one file per epoch.

    Attributes:
        folder: where the files are.
    """

    def __init__(self, teacher: Teacher, drawn: Mapping[str, Any], root: Path | None = None) -> None:
        """Open the cache.

        Args:
            teacher: whose predictions are cached.
            drawn: all settings that decide which images an epoch has, in which order and how augmented; JSON types.
            root: folder of all caches; None is runs/.teacher-cache.
        """
        key = {
            "teacher": [record.sha256 for record in teacher.records],
            "pixels": [pixels.to_dict() for pixels in teacher.pixels],
            "drawn": drawn,
        }
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = (root or runs.ROOT / FOLDER) / name
        self._epoch = -1
        self._cached: tuple[Tensor, Tensor] | None = None
        self._new: list[TeacherOutput] = []

    def has(self, epoch: int) -> bool:
        """Return whether an epoch is cached, and read it. A damaged file counts as not cached."""
        if epoch != self._epoch:
            self._epoch, self._cached, self._new = epoch, None, []
            try:
                tensors = load_file(self._file(epoch))
                self._cached = tensors["logits"], tensors["features"]
            except (FileNotFoundError, SafetensorError, OSError, KeyError):
                self._cached = None
        return self._cached is not None

    def get(self, start: int, count: int) -> TeacherOutput:
        """Return `count` predictions from number `start` on, of the epoch last passed to `has`.

        Raises:
            RuntimeError: that epoch is not cached.
        """
        if self._cached is None:
            raise RuntimeError("these predictions are not in the cache")
        logits, features = (values[start : start + count] for values in self._cached)
        return TeacherOutput(logits, features.float())

    def add(self, start: int, output: TeacherOutput) -> None:
        """Collect the predictions for the images from number `start` on.

        Ignored if earlier ones are missing, as after a resume in the middle of an epoch.
        """
        if sum(len(part.logits) for part in self._new) == start:
            self._new.append(TeacherOutput(output.logits.cpu(), output.features.half().cpu()))

    def finish(self, count: int) -> None:
        """Write the epoch's file if predictions for all of its `count` images were collected."""
        if self._cached is None and sum(len(part.logits) for part in self._new) == count:
            tensors = {
                "logits": torch.cat([part.logits for part in self._new]),
                "features": torch.cat([part.features for part in self._new]),
            }
            with atomic_write(self._file(self._epoch)) as temporary:
                save_file(tensors, temporary)
        self._epoch, self._cached, self._new = -1, None, []

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:03d}.safetensors"
