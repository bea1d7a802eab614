"""Tests of the layers of a library's network."""

from __future__ import annotations

from edgewbc.nets import model
from tests.nets.library_networks import body, build, spec


def test_layers_have_all_parameters_and_multiply_adds() -> None:
    for arch, macs in (("timm:resnet18", 1_814_073_344), ("torchvision:resnet18", 1_814_073_344)):
        found = model.describe(spec(arch, 224))
        assert sum(layer.parameters for layer in found) == 11_176_512 + 2 * 512 + 2
        assert sum(layer.macs for layer in found) == macs - 512 * 1000 + 512 * 2  # two classes instead of a thousand
        assert [layer.kind for layer in found[-3:]] == ["map", "pool", "dense"]
        assert found[-3].output == (512, 7, 7)
    net = build("timm:test_vit")
    found = model.describe(spec("timm:test_vit"))
    assert sum(layer.parameters for layer in found) == model.count(net)
    attention = next(layer for layer in found if layer.kind == "map")
    tokens, width, depth = 4, net.map_shape[0], len(body(net).blocks)
    assert attention.macs == depth * 2 * tokens * tokens * width  # queries by keys, and weights by values
    assert attention.parameters == body(net).pos_embed.numel()
