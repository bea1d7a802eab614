"""A teacher's answers, kept."""

import torch

from edgewbc.train.teacher import Answer, Teacher
from edgewbc.train.teacher_cache import Answers
from tests.train.test_teacher import SAME, STUDENT, _made


def _answers(folder, **drawn):
    return Answers(Teacher(_made(SAME), STUDENT, ["hash"]), drawn, folder)


def _part(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return Answer(torch.randn(count, 3, generator=generator), torch.randn(count, 6, generator=generator))


def test_an_epoch_is_answered_once(tmp_path):
    """What one training left is what the next one finds: logits exactly, features in float16."""
    first = _answers(tmp_path, seed=1)
    assert not first.known(0)
    first.add(0, _part(4, 1))
    first.add(4, _part(2, 2))
    first.finish(6)
    again = _answers(tmp_path, seed=1)
    assert again.known(0)
    assert not again.known(1)
    assert again.known(0)
    got = again.get(4, 2)
    assert torch.equal(got.logits, _part(2, 2).logits)
    assert torch.equal(got.features, _part(2, 2).features.half().float())


def test_half_an_epoch_is_not_kept(tmp_path):
    """An epoch that was resumed in the middle, or not finished, leaves nothing."""
    answers = _answers(tmp_path)
    answers.known(0)
    answers.add(4, _part(2, 1))
    answers.finish(6)
    answers.known(1)
    answers.add(0, _part(4, 1))
    answers.finish(6)
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_other_pictures_are_other_answers(tmp_path):
    """Another seed, or another teacher, looks elsewhere."""
    other = Answers(Teacher(_made(SAME), STUDENT, ["other"]), {"seed": 1}, tmp_path)
    folders = {_answers(tmp_path, seed=1).folder, _answers(tmp_path, seed=2).folder, other.folder}
    assert len(folders) == 3


def test_a_damaged_file_counts_as_none(tmp_path):
    """It is answered anew."""
    answers = _answers(tmp_path)
    answers.folder.mkdir(parents=True)
    (answers.folder / "epoch-000.safetensors").write_bytes(b"half")
    assert not answers.known(0)
