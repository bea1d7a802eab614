"""Tests of edgewbc.nets.edgenet."""

import pytest
import torch
from torch import nn

from edgewbc.nets.edgenet import EdgeNet, Pointwise


def _with_statistics(net: EdgeNet) -> EdgeNet:
    """Return the network after a few batches, so that batch norm has nontrivial statistics and gains."""
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias)
        for _ in range(3):
            net.train()(torch.randn(8, 3, 32, 32))
    net.eval()
    return net


@pytest.mark.parametrize("form", ["branches", "bn"])
def test_folding_preserves_logits(form: str) -> None:
    """Folding changes no logit, and leaves only 3 x 3 convolutions with a bias."""
    torch.manual_seed(0)
    net = _with_statistics(EdgeNet(3, ("D", 8, "/", 16, 16, "M", 24), (6,), form=form))
    plain = net.folded()
    x = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(plain(x), net(x), atol=1e-4, rtol=1e-4)
    kinds = {type(part) for part in plain.features}
    assert kinds == {nn.PixelUnshuffle, nn.Conv2d, nn.ReLU, nn.MaxPool2d}
    assert plain.channels() == net.channels() == ("D", 8, "/", 16, 16, "M", 24)
    assert plain.hidden() == (6,)


def test_identity_branch_requires_equal_shapes() -> None:
    """Only a convolution that keeps the channels and the map size has an identity branch."""
    net = EdgeNet(2, ("/", 8, 8, 16, "/", 16))
    assert [part.same is not None for part in net.features[::2]] == [False, True, False, False]


def test_blocks_end_where_the_map_shrinks() -> None:
    """`ends` counts the layers before each halving, however it is done."""
    assert EdgeNet(2, ("/", 8, "/", 8, 8, "M", 16)).ends() == (2, 6, 9)
    assert EdgeNet(2, ("D", 8, "/", 8)).ends() == (3, 5)


def test_space_to_depth_after_a_convolution_is_rejected() -> None:
    """Pruning takes single channels, so D after a convolution is rejected."""
    with pytest.raises(ValueError, match="before the first convolution"):
        EdgeNet(2, (8, "D", 8))


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    """In training mode, a block whose weights are frozen does not move its statistics; the others do."""
    net = EdgeNet(2, ("/", 8, 8), form="bn")
    net.features[0].requires_grad_(False)
    net.train()
    names = [f"features.{index}.wide.1.running_mean" for index in (0, 2)]
    before = [net.get_buffer(name).clone() for name in names]
    net(torch.randn(4, 3, 16, 16) + 1)
    after = [net.get_buffer(name) for name in names]
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_pointwise_matches_strided_convolution() -> None:
    """`Pointwise` equals torch's strided convolution for even and odd sizes, and the network uses no other."""
    ours, torchs = Pointwise(3, 4, 1, 2), nn.Conv2d(3, 4, 1, 2)
    torchs.load_state_dict(ours.state_dict())
    for size in (6, 7):
        x = torch.randn(2, 3, size, size)
        torch.testing.assert_close(ours(x), torchs(x))
    strided = [part for part in EdgeNet(5).modules() if isinstance(part, nn.Conv2d) and part.stride != (1, 1)]
    assert strided
    assert all(isinstance(part, Pointwise) for part in strided if part.kernel_size == (1, 1))
