"""Tests of `edgewbc.train.teacher`: teachers, feature students and distillation losses."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import teacher as teaching
from edgewbc.train.teacher import FeatureStudent, Teacher, TeacherRecord, distillation_loss, unit
from edgewbc.utils.files import sha256

STUDENT = ModelSpec("edgenet", tuple("abc"), PixelSpec(16, 16, "centre", 20), ("/", 8), (), form="bn")
SAME = ModelSpec(
    "vgg16gap", tuple("abc"), replace(STUDENT.pixels, mean=IMAGENET_MEAN, std=IMAGENET_STD), (8, "M", 6), (4,)
)
LARGER = replace(SAME, pixels=PixelSpec(24, 24, "centre", 20), channels=(4, "M", 10))


def members(*specs: ModelSpec) -> list[tuple[Network, ModelSpec]]:
    """Networks with random weights, the same in every call."""
    torch.manual_seed(0)
    built = []
    for spec in specs:
        net = model.build(spec)
        net.eval()
        built.append((net, spec))
    return built


def images(size: int) -> Tensor:
    """Five random images, uint8 (5, size, size, 3)."""
    return torch.randint(0, 256, (5, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(size))


def test_one_teacher_predicts_what_its_network_does() -> None:
    """Logits are log-probabilities with the network's softmax; features are the pooled vector with mean square 1."""
    (net, spec), *_ = made = members(SAME)
    output = Teacher(made, STUDENT).predict([images(16)])
    probabilities, features, _ = Deployed(net, spec.pixels)(images(16))
    torch.testing.assert_close(output.logits.exp(), probabilities)
    torch.testing.assert_close(output.features, unit(features))
    torch.testing.assert_close(output.features.square().mean(1), torch.ones(5))


def test_several_teachers_predict_the_mean_of_their_probabilities() -> None:
    """Each network sees its own view; the feature vectors are concatenated."""
    made = members(SAME, LARGER, LARGER)
    teacher = Teacher(made, STUDENT)
    assert [(view.height, view.width) for view in teacher.views] == [(24, 24)]
    assert teacher.width == 6 + 10 + 10
    output = teacher.predict([images(16), images(24)])
    each = [Deployed(net, s.pixels)(images(s.pixels.height))[0] for net, s in made]
    torch.testing.assert_close(output.logits.exp(), sum(each) / 3)
    assert output.features.shape == (5, 26)


def test_teacher_is_never_in_training_mode() -> None:
    """`train` has no effect, and no parameter requires a gradient."""
    teacher = Teacher(members(STUDENT), SAME)
    teacher.train()
    assert not any(part.training for part in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_feature_student_maps_to_the_teachers_length() -> None:
    """Logits are the network's own; the map has parameters only where lengths differ."""
    net = members(STUDENT)[0][0]
    logits, features = FeatureStudent(net, 26)(x := torch.randn(3, 3, 16, 16))
    torch.testing.assert_close(logits, net(x))
    assert features.shape == (3, 26)
    assert len(list(FeatureStudent(net, 8).map.parameters())) == 0


def test_unusable_teachers_are_errors(tmp_path: Path) -> None:
    """Other classes, a folder that is not a run, and an empty list are refused."""
    with pytest.raises(UserError, match=r"classes of a teacher \(a, c, b\) are not those of the student \(a, b, c\)"):
        Teacher(members(replace(SAME, classes=tuple("acb"))), STUDENT)
    with pytest.raises(UserError, match="no teacher"):
        Teacher([], STUDENT)
    with pytest.raises(UserError, match="nothing"):
        teaching.load([tmp_path / "nothing"], STUDENT)
    assert teaching.load([], STUDENT) is None


def test_teacher_from_runs_has_their_records(tmp_path: Path) -> None:
    """A record names the folder and the SHA-256 of its weights; for a lineage, without a path."""
    net, spec = members(SAME)[0]
    run = tmp_path / "run"
    run.mkdir()
    model.save(run, net, spec)
    runs.write_lineage(run, "train")
    teacher = teaching.load([run], STUDENT)
    assert teacher is not None
    digest = sha256(run / "model.safetensors")
    assert teacher.records == (TeacherRecord("run", digest, str(run.resolve())),)
    assert teacher.records[0].without_path().to_json() == {"run": "run", "sha256": digest}


def test_loss_with_equal_logits_is_the_hard_loss() -> None:
    """With the teacher's own logits, only the weighted loss against the labels is left."""
    logits = torch.randn(4, 5)
    loss = distillation_loss(logits, logits, torch.tensor(3.0), temperature=2.0, weight=0.9)
    torch.testing.assert_close(loss, torch.tensor(0.3))


def test_soft_loss_is_the_scaled_divergence() -> None:
    """The soft loss is T squared times the Kullback-Leibler divergence of teacher from student."""
    student, teacher = torch.randn(3, 4), torch.randn(3, 4)
    p, q = (teacher / 3).softmax(1), (student / 3).softmax(1)
    expected = 9 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(distillation_loss(student, teacher, torch.tensor(0.0), 3.0, 1.0), expected)
