"""bench/peers/timm: edgewbc's weights under timm's names. timm itself is not needed."""

from __future__ import annotations

import runpy

import torch

from edgewbc.nets.efficientnet_lite import EfficientNetLite0
from tests.peers.conftest import HOME


def test_every_weight_is_renamed() -> None:
    """49 convolutions with batch norms and the dense layer: no weight is lost or used twice."""
    with torch.device("meta"):
        net = EfficientNetLite0(5, form="bn")
    ours = {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    theirs = runpy.run_path(str(HOME / "timm" / "measure.py"))["renamed"](ours)
    assert len(theirs) == len(ours) == 49 * 5 + 2
    assert {id(value) for value in theirs.values()} == {id(value) for value in ours.values()}
    assert theirs["conv_stem.weight"].shape == (32, 3, 3, 3)
    assert theirs["blocks.0.0.conv_dw.weight"].shape == (32, 1, 3, 3)
    assert theirs["blocks.1.0.conv_pw.weight"].shape == (96, 16, 1, 1)
    assert theirs["blocks.6.0.conv_pwl.weight"].shape == (320, 1152, 1, 1)
    assert theirs["conv_head.weight"].shape == (1280, 320, 1, 1)
    assert theirs["classifier.weight"].shape == (5, 1280)
