"""Knowledge distillation, after Hinton, Vinyals and Dean 2015 (arXiv 1503.02531) and, for features, Romero et al. 2015
(FitNets, arXiv 1412.6550)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def distillation(student: Tensor, teacher: Tensor, hard: Tensor, temperature: float, weight: float) -> Tensor:
    """Loss of a student that learns from labels and from a teacher.

    Args:
        student, teacher: logits, (n, K).
        hard: the loss against the labels, ().
        temperature: softens both distributions; the soft loss is scaled by its square, as in the paper.
        weight: of the soft loss; the hard one gets the rest.
    """
    soft = functional.kl_div(
        functional.log_softmax(student / temperature, 1),
        functional.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    return weight * temperature**2 * soft + (1 - weight) * hard


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean square of the difference of two pooled vectors, (n, d) each; about 1 where nothing is learnt yet.

    Both are scaled to a mean square of 1 (`teacher.unit`): the student learns the direction, and its scale stays its
    own.
    """
    return functional.mse_loss(student, teacher)
