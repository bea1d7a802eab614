"""The models that were released with this version of edgewbc, by hash; a test compares the list with the bundles."""

from __future__ import annotations

from collections.abc import Sequence

# SHA-256 of the files one after the other: name, precision and backend; size of each file in bytes
_MODELS: dict[str, tuple[str, tuple[int, ...]]] = {
    "e93107f8b5787fe88c16c88ff371234c0f6f5d052ce194aad1914e8715aa44bb": (
        "wbc5-accurate int8 openvino",
        (346394, 3575504),
    ),
    "a2557da5d8e06339184c57860df35690f3236670988d38bb3164724525e464bb": (
        "wbc5-accurate int8 onnx",
        (3736608,),
    ),
    "0345124d0ea45c09c747d3ec2bb2189243752b892e24c655943683d69a6b6930": (
        "wbc5-edge int8 openvino",
        (55863, 160416),
    ),
    "521b790802ee42582b6ee3b3b840bca0d9da4351267be0d53d49d9760090dd8d": (
        "wbc5-edge int8 onnx",
        (174145,),
    ),
    "ec69db829533479117deb936a85eeaa4438c7f7206d27b762e05f6195690a69b": (
        "wbc5-vgg16gap int8 openvino",
        (107055, 788976),
    ),
    "87899f0b245e7527bda0b568896e8d5191abf22ba65ceaee8d91cdbd1db391df": (
        "wbc5-vgg16gap int8 onnx",
        (817750,),
    ),
}


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
