"""Tests of `edgewbc.train.teacher_cache`."""

from pathlib import Path
from typing import Any

import torch

from edgewbc.train.teacher import Teacher, TeacherOutput, TeacherRecord
from edgewbc.train.teacher_cache import TeacherCache
from tests.train.test_teacher import SAME, STUDENT, members


def cache(folder: Path, digest: str = "hash", **drawn: Any) -> TeacherCache:
    """The cache of a teacher whose weights have the given hash."""
    return TeacherCache(Teacher(members(SAME), STUDENT, [TeacherRecord("teacher", digest)]), drawn, folder)


def output(count: int, seed: int) -> TeacherOutput:
    """Random predictions for `count` images."""
    generator = torch.Generator().manual_seed(seed)
    return TeacherOutput(torch.randn(count, 3, generator=generator), torch.randn(count, 6, generator=generator))


def test_complete_epoch_is_cached(tmp_path: Path) -> None:
    """The next training reads what the first one wrote: logits exactly, features in float16."""
    first = cache(tmp_path, seed=1)
    assert not first.has(0)
    first.add(0, output(4, 1))
    first.add(4, output(2, 2))
    first.finish(6)
    again = cache(tmp_path, seed=1)
    assert again.has(0)
    assert not again.has(1)
    assert again.has(0)
    part = again.get(4, 2)
    assert torch.equal(part.logits, output(2, 2).logits)
    assert torch.equal(part.features, output(2, 2).features.half().float())


def test_incomplete_epoch_is_not_cached(tmp_path: Path) -> None:
    """An epoch that was resumed in the middle, or not finished, writes nothing."""
    partial = cache(tmp_path)
    partial.has(0)
    partial.add(4, output(2, 1))
    partial.finish(6)
    partial.has(1)
    partial.add(0, output(4, 1))
    partial.finish(6)
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_key_depends_on_teacher_and_images(tmp_path: Path) -> None:
    """Another seed or another teacher has another folder."""
    caches = (cache(tmp_path, seed=1), cache(tmp_path, seed=2), cache(tmp_path, "other", seed=1))
    assert len({each.folder for each in caches}) == 3


def test_damaged_file_counts_as_not_cached(tmp_path: Path) -> None:
    """A file that cannot be read is predicted again."""
    damaged = cache(tmp_path)
    damaged.folder.mkdir(parents=True)
    (damaged.folder / "epoch-000.safetensors").write_bytes(b"half")
    assert not damaged.has(0)
