"""Tests of networks of timm and torchvision: features, map and head; layers; weights; sizes of pruned ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from edgewbc.errors import UserError
from edgewbc.nets import library_network, library_weights, model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.spec import ModelSpec, kind, library
from edgewbc.pixels import PixelSpec

SIDE = 32
TIMM = ("test_resnet", "test_efficientnet", "test_convnext", "test_vit")


def spec(arch: str, side: int = SIDE) -> ModelSpec:
    """Return the description of a network with two classes."""
    return ModelSpec(arch, ("a", "b"), PixelSpec(side, side), (), ())


def build(arch: str, side: int = SIDE) -> LibraryNetwork:
    """Build a network with random weights, in evaluation mode."""
    torch.manual_seed(0)
    net = model.build(spec(arch, side))
    assert isinstance(net, LibraryNetwork)
    net.eval()
    return net


def body(net: LibraryNetwork) -> Any:
    """Return the library's own network."""
    return net.features[0].net


def test_names_of_architectures() -> None:
    assert library("timm:resnet18.a1_in1k") == ("timm", "resnet18.a1_in1k")
    assert library("torchvision:swin_t") == ("torchvision", "swin_t")
    assert (library("vgg16gap"), library("timm:"), library("keras:resnet")) == (None, None, None)
    assert kind("timm:resnet18").forms == ("plain",)
    with pytest.raises(ValueError, match="timm:NAME"):
        kind("resnet18")


@pytest.mark.parametrize("name", TIMM)
def test_features_are_the_mean_of_the_map_and_logits_are_linear_in_them(name: str) -> None:
    net = build(f"timm:{name}")
    images = torch.randint(0, 256, (3, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.inference_mode():
        probabilities, features, maps = Deployed(net, PixelSpec(SIDE, SIDE))(images)
        expected = torch.softmax(net.head(features), 1)
    assert maps.shape[1:] == net.map_shape
    torch.testing.assert_close(features, maps.mean((2, 3)))
    torch.testing.assert_close(probabilities, expected)
    assert net.channels() == ()
    net.train()
    net(torch.randn(4, 3, SIDE, SIDE)).sum().backward()
    assert [name for name, value in net.named_parameters() if value.grad is None] == []  # no part is unused


def test_the_map_is_that_of_the_library() -> None:
    net = build("timm:test_resnet")
    x = torch.randn(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        torch.testing.assert_close(net.features(x), body(net).forward_features(x))
        vit = build("timm:test_vit")
        tokens = body(vit).forward_features(x)
        found = vit.features(x)
    assert vit.map_shape == (tokens.shape[2], 2, 2)  # patches of 16 pixels
    torch.testing.assert_close(found[:, :, 1, 0], tokens[:, 2])  # row by row


def test_torchvision_gives_the_same_logits_as_its_own_network() -> None:
    import torchvision

    for name in ("mobilenet_v3_small", "shufflenet_v2_x0_5"):
        net = build(f"torchvision:{name}")
        theirs = torchvision.models.get_model(name, weights=None).eval()
        theirs.load_state_dict(body(net).state_dict(), strict=False)
        x = torch.randn(1, 3, 64, 64)
        seen: list[torch.Tensor] = []
        head = theirs.classifier[0] if hasattr(theirs, "classifier") else theirs.fc
        head.register_forward_pre_hook(lambda _, inputs, kept=seen: kept.append(inputs[0]))
        with torch.inference_mode():
            theirs(x)
            torch.testing.assert_close(net.pool(net.features(x)), seen[0])


def test_layers_have_all_parameters_and_multiply_adds() -> None:
    for arch, macs in (("timm:resnet18", 1_814_073_344), ("torchvision:resnet18", 1_814_073_344)):
        found = model.describe(spec(arch, 224))
        assert sum(layer.parameters for layer in found) == 11_176_512 + 2 * 512 + 2
        assert sum(layer.macs for layer in found) == macs - 512 * 1000 + 512 * 2 - 1_024 + 1_024
        assert [layer.kind for layer in found[-3:]] == ["map", "pool", "dense"]
        assert found[-3].output == (512, 7, 7)
    net = build("timm:test_vit")
    found = model.describe(spec("timm:test_vit"))
    assert sum(layer.parameters for layer in found) == model.count(net)
    attention = next(layer for layer in found if layer.kind == "map")
    tokens, width, depth = 4, net.map_shape[0], len(body(net).blocks)
    assert attention.macs == depth * 2 * tokens * tokens * width  # queries by keys, and weights by values
    assert attention.parameters == body(net).pos_embed.numel()


@pytest.mark.parametrize(
    ("arch", "said"),
    [
        ("timm:test_resnett", "timm has no such network; close names: test_resnet"),
        ("torchvision:googlenet", "its last features are not a map"),
        ("torchvision:vit_b_16", "timm may have it"),
        ("timm:levit_128s", "its tokens are not the places of a map"),
        ("timm:test_vit", "input of 8 x 8 pixels"),
    ],
)
def test_networks_that_cannot_be_used_are_refused_in_one_line(arch: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        build(arch, 8 if arch == "timm:test_vit" else SIDE)
    assert "\n" not in str(caught.value)


def test_a_run_is_saved_and_loaded(tmp_path: Path) -> None:
    net, described = build("timm:test_efficientnet"), spec("timm:test_efficientnet")
    model.save(tmp_path, net, described)
    again, told = model.load(tmp_path)
    assert told == described
    x = torch.randn(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        torch.testing.assert_close(again(x), net(x))


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


def test_sizes_build_a_pruned_network_anew() -> None:
    net = build("timm:test_efficientnet")
    wanted = library_network.sizes(net.features[0])
    library_network.resize(net.features[0], wanted)
    assert library_network.sizes(net.features[0]) == wanted
    with pytest.raises(ValueError, match="more sizes"):
        library_network.resize(net.features[0], [*wanted, 1])
    with pytest.raises(UserError, match="do not fit the installed version"):
        LibraryNetwork(2, "timm:test_efficientnet", SIDE, SIDE, wanted[:-1])
