"""The models that were released with this version of edgewbc, by hash; a test compares the list with the bundles."""

from __future__ import annotations

from collections.abc import Sequence

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
    "8cfddd7a5ae82a57cd7057211e03f2a228caa22305e686438a91f48137f64663": (
        "wbc5-travel int8 openvino",
        (346520, 3575516),
    ),
    "459d127a489a96a6cd1c4bf7bf5a7ab995bce77130be6fd8aa130dc76a5c5af2": (
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
    "6e82027654fa53c199ccf8d00677b434e7064ed479d85c8168015903863d2264": (
        "wbc8-travel int8 openvino",
        (346646, 3579380),
    ),
    "27ea849f786bb76d179e61f90d969e8327d10acaefd69ca882576155c795f3e4": (
        "wbc8-travel int8 onnx",
        (3712108,),
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
