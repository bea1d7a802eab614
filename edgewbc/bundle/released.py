"""The models that were released with this version of edgewbc, by hash; a test compares the list with the bundles."""

from __future__ import annotations

from collections.abc import Sequence

_MODELS: dict[str, tuple[str, tuple[int, ...]]] = {
    "e93107f8b5787fe88c16c88ff371234c0f6f5d052ce194aad1914e8715aa44bb": (
        "wbc5-accurate int8 openvino",
        (346394, 3575504),
    ),
    "e93d6459cf89260fdca51a71bed9760ab80aaf9c37c6fd8372903fd86bc71a8a": (
        "wbc5-accurate int8 onnx",
        (3710892,),
    ),
    "0345124d0ea45c09c747d3ec2bb2189243752b892e24c655943683d69a6b6930": (
        "wbc5-edge int8 openvino",
        (55863, 160416),
    ),
    "d0fe938bf253df91a501577683fd39fd069ae2b2ae141281d50379a4cd4f9e05": (
        "wbc5-edge int8 onnx",
        (178431,),
    ),
    "8cfddd7a5ae82a57cd7057211e03f2a228caa22305e686438a91f48137f64663": (
        "wbc5-travel int8 openvino",
        (346520, 3575516),
    ),
    "b2ae4f37d693dc65a38f13d5950137fc071a452c2675e195ad4bdca552a164a6": (
        "wbc5-travel int8 onnx",
        (3710608,),
    ),
    "ec69db829533479117deb936a85eeaa4438c7f7206d27b762e05f6195690a69b": (
        "wbc5-vgg16gap int8 openvino",
        (107055, 788976),
    ),
    "ea4fe7cab4e6156fa35cf165920446d01e674f9ee327552b87419d39bb5925f3": (
        "wbc5-vgg16gap int8 onnx",
        (823315,),
    ),
    "6e82027654fa53c199ccf8d00677b434e7064ed479d85c8168015903863d2264": (
        "wbc8-travel int8 openvino",
        (346646, 3579380),
    ),
    "27500bbc29a6038914c407e645eeb49a84afc207a6fd12408a9dda5dc3ef56cf": (
        "wbc8-travel int8 onnx",
        (3714583,),
    ),
}
"""By the SHA-256 of a model's files, one after the other: name, precision and backend; size of each file in bytes."""


def name_of(sha256: str, sizes: Sequence[int]) -> str:
    """Return the name of a released model, such as `wbc5-edge int8 openvino`; empty if it is not a released one.

    Args:
        sha256: of the contents of its files, one after the other.
        sizes: of its files in bytes, since the hash of their sequence does not tell where one ends.
    """
    name, expected = _MODELS.get(sha256, ("", ()))
    return name if tuple(sizes) == expected else ""


def models() -> dict[str, str]:
    """Return the names of all released models by hash."""
    return {sha256: name for sha256, (name, _) in _MODELS.items()}
