"""Tests of networks of timm and torchvision: features, map and head, and the sizes of pruned ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgewbc.bundle.match import OPERATIONS
from edgewbc.errors import UserError
from edgewbc.export import graph
from edgewbc.nets import library_network, model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.spec import kind, library
from edgewbc.pixels import PixelSpec
from tests.nets.library_networks import SIDE, body, build, spec

TIMM = ("test_resnet", "test_efficientnet", "test_convnext", "test_vit")


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


def test_sizes_build_a_pruned_network_anew() -> None:
    net = build("timm:test_efficientnet")
    wanted = library_network.sizes(net.features[0])
    library_network.resize(net.features[0], wanted)
    assert library_network.sizes(net.features[0]) == wanted
    with pytest.raises(ValueError, match="more sizes"):
        library_network.resize(net.features[0], [*wanted, 1])
    with pytest.raises(UserError, match="do not fit the installed version"):
        LibraryNetwork(2, "timm:test_efficientnet", SIDE, SIDE, wanted[:-1])


def test_a_graph_with_an_operation_that_bundles_may_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is quantized, and only for networks of libraries."""
    allowed = {"openvino": OPERATIONS["openvino"] - {"Gelu"}}
    monkeypatch.setattr("edgewbc.export.graph.OPERATIONS", allowed)
    with pytest.raises(UserError, match="timm:test_vit: its graph for openvino has the operation Gelu, which"):
        graph.to_openvino(build("timm:test_vit"), spec("timm:test_vit"))
