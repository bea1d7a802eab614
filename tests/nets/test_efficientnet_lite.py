"""Tests of edgewbc.nets.efficientnet_lite and efficientnet_lite_weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgewbc.nets.efficientnet_lite import EfficientNetLite0, Inverted, SameConv2d
from edgewbc.nets.spec import LITE0

SMALL = tuple(max(8, int(c) // 8) for c in LITE0)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_padding_matches_tensorflow_same(kernel: int, stride: int, size: int) -> None:
    """The output has ceil(size / stride) values, each from the window of TensorFlow's "same" padding."""
    convolution = SameConv2d(2, 3, kernel, stride)
    x = torch.randn(1, 2, size, size)
    got = convolution(x)
    count = -(-size // stride)
    before = max(0, (count - 1) * stride + kernel - size) // 2
    padded = functional.pad(x, (before, kernel, before, kernel))
    want = functional.conv2d(padded, convolution.weight, convolution.bias, stride)[..., :count, :count]
    torch.testing.assert_close(got, want)


def test_folding_preserves_logits() -> None:
    """Folding batch norm does not change the logits or the channels."""
    torch.manual_seed(0)
    net = EfficientNetLite0(4, SMALL, (10,))
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.get_buffer("running_mean"), -1, 1)
                nn.init.uniform_(part.get_buffer("running_var"), 0.5, 2)
    net.eval()
    plain = net.folded()
    x = torch.randn(2, 3, 40, 48)
    torch.testing.assert_close(plain(x), net(x), atol=1e-4, rtol=1e-4)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in plain.modules())
    assert plain.channels() == net.channels() == SMALL
    torch.testing.assert_close(plain.folded()(x), plain(x))


def test_depthwise_layers_stay_float32_in_bfloat16() -> None:
    """On a CPU: their backward pass is slow there in bfloat16. The logits agree within its rounding."""
    torch.manual_seed(0)
    net = EfficientNetLite0(5).eval()
    seen: dict[str, torch.dtype] = {}
    block = net.features[2]
    assert isinstance(block, Inverted)
    block.depthwise[0].register_forward_hook(lambda layer, given, out: seen.update(depthwise=out.dtype))
    block.project[0].register_forward_hook(lambda layer, given, out: seen.update(project=out.dtype))
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = net(x)
        with torch.autocast("cpu", torch.bfloat16):
            half = net(x)
    assert seen == {"depthwise": torch.float32, "project": torch.bfloat16}
    assert torch.allclose(half.float(), expected, atol=0.05 * float(expected.abs().max()))


def test_shortcuts_do_not_depend_on_pruned_sizes() -> None:
    """With equal sizes everywhere, the blocks that change their size in the unpruned network have no shortcut."""
    equal = tuple(8 for _ in LITE0)
    blocks = [part for part in EfficientNetLite0(3, equal).features if isinstance(part, Inverted)]
    assert [number for number, block in enumerate(blocks) if block.adds] == [2, 4, 6, 7, 9, 10, 12, 13, 14]
