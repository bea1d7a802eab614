"""The models that were released with this version of edgewbc, by hash; a test compares the list with the bundles."""

from __future__ import annotations

from collections.abc import Sequence

# SHA-256 of the files one after the other: name, precision and backend; size of each file in bytes
_MODELS: dict[str, tuple[str, tuple[int, ...]]] = {
    "e93107f8b5787fe88c16c88ff371234c0f6f5d052ce194aad1914e8715aa44bb": (
        "wbc5-accurate int8 openvino",
        (346394, 3575504),
    ),
    "2c674fc3c6f19e61b22cb5dc97e4e93f752d623ab2b7818b64cb873209635fa6": (
        "wbc5-accurate int8 onnx",
        (3736608,),
    ),
    "0345124d0ea45c09c747d3ec2bb2189243752b892e24c655943683d69a6b6930": (
        "wbc5-edge int8 openvino",
        (55863, 160416),
    ),
    "0700c3562b5ae6497eb79c0c166316afa5c9623e9d2fd9f5daf502182b4a0b0b": (
        "wbc5-edge int8 onnx",
        (174145,),
    ),
    "812ec81d96cf016a035849c3dee63be05d4ebb23c5323452e70009a3685948be": (
        "wbc5-travel int8 openvino",
        (346530, 3575516),
    ),
    "3756ef796429dd9b4c64585e4050c0851e3e53160d6593ba618884bd16742598": (
        "wbc5-travel int8 onnx",
        (3736780,),
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
