"""What a student learns from."""

from dataclasses import replace

import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import teacher as teaching
from edgewbc.train.teacher import Pupil, Teacher, unit

STUDENT = ModelSpec("edgenet", tuple("abc"), PixelSpec(16, 16, "centre", 20), ("/", 8), (), form="bn")
SAME = ModelSpec(
    "vgg16gap", tuple("abc"), replace(STUDENT.pixels, mean=IMAGENET_MEAN, std=IMAGENET_STD), (8, "M", 6), (4,)
)
LARGER = replace(SAME, pixels=PixelSpec(24, 24, "centre", 20), channels=(4, "M", 10))


def _made(*specs):
    torch.manual_seed(0)
    return [(model.build(spec).eval(), spec) for spec in specs]


def _pictures(size):
    return torch.randint(0, 256, (5, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(size))


def test_one_teacher_answers_as_the_network_does():
    """Its logits are log-probabilities with the network's softmax, its features the pooled vector on scale 1."""
    (net, spec), *_ = members = _made(SAME)
    found = Teacher(members, STUDENT).answers([_pictures(16)])
    probabilities, features, _ = Deployed(net, spec.pixels)(_pictures(16))
    torch.testing.assert_close(found.logits.exp(), probabilities)
    torch.testing.assert_close(found.features, unit(features))
    torch.testing.assert_close(found.features.square().mean(1), torch.ones(5))


def test_several_answer_with_the_mean_of_their_probabilities():
    """Each network sees its own view; the pooled vectors stand side by side."""
    members = _made(SAME, LARGER, LARGER)
    teacher = Teacher(members, STUDENT)
    assert [(view.height, view.width) for view in teacher.views] == [(24, 24)]
    assert teacher.width == 6 + 10 + 10
    found = teacher.answers([_pictures(16), _pictures(24)])
    each = [Deployed(net, s.pixels)(_pictures(s.pixels.height))[0] for net, s in members]
    torch.testing.assert_close(found.logits.exp(), sum(each) / 3)
    assert found.features.shape == (5, 26)


def test_it_is_never_in_training_mode():
    """`train` leaves batch norm as it is, and no weight of it asks for a gradient."""
    teacher = Teacher(_made(STUDENT), SAME)
    teacher.train()
    assert not any(part.training for part in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_a_pupil_maps_its_features_to_the_teachers_length():
    """Logits are the network's own; the map is only there where lengths differ."""
    net = _made(STUDENT)[0][0]
    logits, features = Pupil(net, 26)(x := torch.randn(3, 3, 16, 16))
    torch.testing.assert_close(logits, net(x))
    assert features.shape == (3, 26)
    assert len(list(Pupil(net, 8).map.parameters())) == 0


def test_what_cannot_teach_is_refused(tmp_path):
    """Other classes, no run, no teacher."""
    with pytest.raises(UserError, match="cannot teach"):
        Teacher(_made(replace(SAME, classes=tuple("acb"))), STUDENT)
    with pytest.raises(UserError, match="no teacher"):
        Teacher([], STUDENT)
    with pytest.raises(UserError, match="nothing"):
        teaching.load([tmp_path / "nothing"], STUDENT)
    assert teaching.load([], STUDENT) is None


def test_loaded_from_runs_it_knows_their_hashes(tmp_path):
    """The hashes are those of the weights' files."""
    from edgewbc.utils.files import sha256

    net, spec = _made(SAME)[0]
    tmp_path.joinpath("run").mkdir()
    model.save(tmp_path / "run", net, spec)
    found = teaching.load([tmp_path / "run"], STUDENT)
    assert found.sha256 == (sha256(tmp_path / "run" / "model.safetensors"),)
