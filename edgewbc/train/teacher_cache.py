"""A teacher's answers, kept: the same pictures under the same changes are answered once, for any number of students.

Which pictures an epoch draws, and how they are changed, follows from the recipe's seed; a teacher's answers to them
follow from its weights. Both are in the name of the folder, so that a second student of the same teacher finds what the
first one's training left there, and costs only its own arithmetic.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from edgewbc import runs
from edgewbc.train.teacher import Answer, Teacher
from edgewbc.utils.files import atomic_write

FOLDER = ".answers"


class Answers:
    """The answers of a teacher to the epochs that it has been asked, on disk.

    Attributes:
        folder: where they are kept; a file an epoch.
    """

    def __init__(self, teacher: Teacher, drawn: dict[str, Any], root: Path | None = None) -> None:
        """`drawn` is all that decides what pictures an epoch has and in which order, as JSON values."""
        told = {
            "teacher": list(teacher.sha256),
            "pixels": [pixels.to_dict() for pixels in teacher.pixels],
            "drawn": drawn,
        }
        name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = (root or runs.ROOT / FOLDER) / name
        self._epoch = -1
        self._read: tuple[Tensor, Tensor] | None = None
        self._new: list[Answer] = []

    def known(self, epoch: int) -> bool:
        """Whether all of an epoch has been answered; reads it. A file that is damaged counts as none."""
        if epoch != self._epoch:
            self._epoch, self._read, self._new = epoch, None, []
            try:
                found = load_file(self._file(epoch))
                self._read = found["logits"], found["features"]
            except (FileNotFoundError, SafetensorError, OSError, KeyError):
                self._read = None
        return self._read is not None

    def get(self, start: int, count: int) -> Answer:
        """The answers to an epoch's pictures from number `start` on, of the epoch that `known` was last asked of."""
        if self._read is None:
            raise RuntimeError("these answers are not known")
        logits, features = (values[start : start + count] for values in self._read)
        return Answer(logits, features.float())

    def add(self, start: int, answer: Answer) -> None:
        """Keep the answers to the next pictures of the epoch; of one that was begun in the middle nothing is kept."""
        if sum(len(part.logits) for part in self._new) == start:
            self._new.append(Answer(answer.logits.cpu(), answer.features.half().cpu()))

    def finish(self, count: int) -> None:
        """Write the epoch, if all of its `count` pictures were answered."""
        if self._read is None and sum(len(part.logits) for part in self._new) == count:
            tensors = {
                "logits": torch.cat([part.logits for part in self._new]),
                "features": torch.cat([part.features for part in self._new]),
            }
            with atomic_write(self._file(self._epoch)) as temporary:
                save_file(tensors, temporary)
        self._epoch, self._read, self._new = -1, None, []

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:03d}.safetensors"
