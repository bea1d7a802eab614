"""Distillation."""

import torch

from edgewbc.train.distil import distillation


def test_a_student_that_agrees_pays_only_the_hard_part():
    """With the teacher's own logits the soft loss is nil."""
    logits = torch.randn(4, 5)
    got = distillation(logits, logits, torch.tensor(3.0), temperature=2.0, weight=0.9)
    torch.testing.assert_close(got, torch.tensor(0.3))


def test_soft_loss_is_the_scaled_divergence():
    """The soft loss is T squared times the Kullback-Leibler divergence of teacher from student."""
    student, teacher = torch.randn(3, 4), torch.randn(3, 4)
    p, q = (teacher / 3).softmax(1), (student / 3).softmax(1)
    wanted = 9 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(distillation(student, teacher, torch.tensor(0.0), 3.0, 1.0), wanted)
