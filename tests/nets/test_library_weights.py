"""Tests of weights of timm and torchvision: their names, their shapes and their scaling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from edgewbc.errors import UserError
from edgewbc.nets import library_weights, model
from tests.nets.library_networks import SIDE, body, build


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_the_library_by_its_own_names(tmp_path: Path, suffix: str) -> None:
    theirs = timm.create_model("test_resnet", num_classes=10).eval()
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(theirs.state_dict(), file)
    else:
        save_file(theirs.state_dict(), file)
    net = build("timm:test_resnet")
    model.load_base(net, file)
    x = torch.randn(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        torch.testing.assert_close(net.features(x), theirs.forward_features(x))
    with pytest.raises(UserError, match="no fitting weights"):
        model.load_base(build("timm:test_convnext"), file)


def test_the_weights_of_a_vit_with_a_class_token_and_another_input_size(tmp_path: Path) -> None:
    theirs = timm.create_model("test_vit", img_size=64, num_classes=10)
    torch.nn.init.normal_(theirs.pos_embed)
    file = tmp_path / "vit.safetensors"
    save_file(theirs.state_dict(), file)
    same, smaller = build("timm:test_vit", 64), build("timm:test_vit")
    model.load_base(same, file)
    assert getattr(body(same), "cls_token", None) is None
    torch.testing.assert_close(body(same).pos_embed, theirs.pos_embed[:, 1:])
    torch.testing.assert_close(body(same).blocks[0].attn.qkv.weight, theirs.blocks[0].attn.qkv.weight)
    model.load_base(smaller, file)
    assert body(smaller).pos_embed.shape[1] == 4  # resampled from 16


def test_scaling_that_travels_with_weights(tmp_path: Path) -> None:
    assert library_weights.published_normalization("timm:vit_tiny_patch16_224") == ((0.5,) * 3, (0.5,) * 3)
    assert library_weights.published_normalization("torchvision:resnet18")[0] == (0.485, 0.456, 0.406)
    with pytest.raises(UserError, match="timm:resnet81: timm has no such network; close names: resnet18"):
        library_weights.published_normalization("timm:resnet81")
    with pytest.raises(UserError, match="torchvision:resnet81: torchvision has no such network; close names: "):
        library_weights.published_normalization("torchvision:resnet81")
    file = tmp_path / "model.safetensors"
    assert library_weights.normalization_beside(file) is None
    config = {"architecture": "x", "pretrained_cfg": {"mean": [0.5, 0.25, 0.125], "std": [0.5, 0.5, 1]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert library_weights.normalization_beside(file) == ((0.5, 0.25, 0.125), (0.5, 0.5, 1.0))
    (tmp_path / "config.json").write_text('{"pretrained_cfg": {"mean": [1], "std": [1]}}')
    with pytest.raises(UserError, match="three numbers"):
        library_weights.normalization_beside(file)


def test_without_a_network_the_published_weights_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"cannot be downloaded \(no route to host\): give a file") as caught:
        library_weights.download("timm:test_resnet")
    assert "\n" not in str(caught.value)
