"""The models that were released with this version of edgewbc, by hash; a test compares the list with the bundles."""

from __future__ import annotations

from collections.abc import Sequence

# SHA-256 of the files one after the other: name, precision and backend; size of each file in bytes
_MODELS: dict[str, tuple[str, tuple[int, ...]]] = {
    "e93107f8b5787fe88c16c88ff371234c0f6f5d052ce194aad1914e8715aa44bb": (
        "wbc5-accurate int8 openvino",
        (346394, 3575504),
    ),
    "037af6891be322770146c0337c0cc719668ace498206d03dda8cab77e6a9c6a1": (
        "wbc5-accurate int8 onnx",
        (3708033,),
    ),
    "0345124d0ea45c09c747d3ec2bb2189243752b892e24c655943683d69a6b6930": (
        "wbc5-edge int8 openvino",
        (55863, 160416),
    ),
    "dfc043c7fd4bd7b0ff485b971b907d576bb008cdea3e0f064a35fcea058533dc": (
        "wbc5-edge int8 onnx",
        (176340,),
    ),
    "a357d95b1414dc2cb320e7f83e080fd1e16e7a06adb2f4d72319fc0c7f842898": (
        "wbc5-travel int8 openvino",
        (346530, 3575516),
    ),
    "9cfa862a5d2913423e59b016fbcc5e45fd13e6fdbd7e8b150f0014b0cdf26929": (
        "wbc5-travel int8 onnx",
        (3708133,),
    ),
    "ec69db829533479117deb936a85eeaa4438c7f7206d27b762e05f6195690a69b": (
        "wbc5-vgg16gap int8 openvino",
        (107055, 788976),
    ),
    "476de304f7ba827a84e4f79d7786095320c7605f216684398bd9aefea8434b69": (
        "wbc5-vgg16gap int8 onnx",
        (821497,),
    ),
    "28358ea4f6c962a602edd553354e62a3a084a82f3a1cb2c174eb4ab6295f08e8": (
        "wbc8-travel int8 openvino",
        (346656, 3579380),
    ),
    "c4a3554f42b7287bc92c2fb26595d0f0c23b0a95889a04bd9b40f15e281f2c82": (
        "wbc8-travel int8 onnx",
        (3712108,),
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
