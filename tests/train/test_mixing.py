"""Tests of `edgewbc.train.mixing`."""

from __future__ import annotations

import torch

from edgewbc.train.mixing import mix
from edgewbc.train.recipe import Fit

X = torch.rand(6, 3, 8, 10, generator=torch.Generator().manual_seed(1))


def fit(**options: float) -> Fit:
    return Fit.model_validate(options)


def test_mixup_is_a_weighted_sum() -> None:
    """Every image has a share of itself and the rest of its partner; the seed decides."""
    mixed = mix(X, fit(mixup=0.4), (1, 2))
    assert mixed is not None
    assert 0 <= mixed.share <= 1
    assert sorted(mixed.partner.tolist()) == list(range(6))
    torch.testing.assert_close(mixed.x, mixed.share * X + (1 - mixed.share) * X[mixed.partner])
    again = mix(X, fit(mixup=0.4), (1, 2))
    assert again is not None
    assert torch.equal(again.x, mixed.x)


def test_cutmix_pastes_a_rectangle() -> None:
    """Pixels come from the image or from its partner, and the share is that of the pixels."""
    shares = []
    for seed in range(20):
        mixed = mix(X, fit(cutmix=1), (seed,))
        assert mixed is not None
        own = (mixed.x == X).all(1)
        pasted = (mixed.x == X[mixed.partner]).all(1)
        assert (own | pasted).all()
        moved = mixed.partner != torch.arange(6)
        assert torch.allclose(own[moved].float().mean((1, 2)), torch.tensor(mixed.share), atol=1e-6)
        shares.append(mixed.share)
    assert min(shares) < 0.5 < max(shares)


def test_a_share_of_the_batches_is_mixed() -> None:
    """With neither, or a batch of one image, nothing is mixed; with both, each is drawn half of the time."""
    assert mix(X, fit(), (0,)) is None
    assert mix(X[:1], fit(mixup=1), (0,)) is None
    both = [mix(X, fit(mixup=1, cutmix=1, mix_share=0.5), (seed,)) for seed in range(200)]
    done = [mixed for mixed in both if mixed is not None]
    assert 70 < len(done) < 130
    cut = sum(bool(((mixed.x == X) | (mixed.x == X[mixed.partner])).all()) for mixed in done)
    assert 0.3 < cut / len(done) < 0.7
