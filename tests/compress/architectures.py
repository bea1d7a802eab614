"""A small network of each architecture that can be pruned."""

from edgewbc.nets.spec import LITE0, ModelSpec
from edgewbc.pixels import PixelSpec

ARCHITECTURES = {
    "vgg16flatten": ModelSpec("vgg16flatten", tuple("abc"), PixelSpec(16, 24), (16, "M", 32, "M"), (40, 24)),
    "efficientnet-lite0": ModelSpec(
        "efficientnet-lite0", tuple("abc"), PixelSpec(32, 32), tuple(max(16, int(c) // 4) for c in LITE0), (), form="bn"
    ),
    "efficientnet-lite0 plain": ModelSpec(
        "efficientnet-lite0", tuple("abc"), PixelSpec(32, 32), tuple(max(16, int(c) // 4) for c in LITE0), (24,)
    ),
    "edgenet": ModelSpec("edgenet", tuple("abc"), PixelSpec(32, 32), ("D", "/", 32, 48, "/", 64), (), form="bn"),
    "edgenet plain": ModelSpec("edgenet", tuple("abc"), PixelSpec(32, 32), ("/", 32, 48, "M", 64), (32,)),
}
