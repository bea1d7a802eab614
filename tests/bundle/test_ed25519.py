"""Tests of `edgewbc.bundle.ed25519`: the vectors of RFC 8032, and agreement with `cryptography`."""

from __future__ import annotations

import random

import pytest

from edgewbc.bundle.ed25519 import _ORDER, verify

VECTORS = [  # RFC 8032, section 7.1: tests 1 to 3 and SHA(abc): public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_vectors(key: str, message: str, signature: str) -> None:
    """The signatures of the standard are valid; with one bit flipped anywhere, they are not."""
    public, text, signed = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify(public, signed, text)
    assert not verify(public, signed, text + b"x")
    rng = random.Random(1)  # noqa: S311
    for _ in range(12):
        bit = rng.randrange(512)
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not verify(public, bytes(flipped), text)
    for bit in (0, 77, 255):
        other = bytearray(public)
        other[bit // 8] ^= 1 << bit % 8
        assert not verify(bytes(other), signed, text)


def test_it_agrees_with_cryptography() -> None:
    """Signatures that `cryptography` makes are valid, and only for their message and key."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    rng = random.Random(2)  # noqa: S311
    for length in (0, 1, 31, 64, 200, 5000):
        key = ed25519.Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        text = rng.randbytes(length)
        public, signed = key.public_key().public_bytes_raw(), key.sign(text)
        assert verify(public, signed, text)
        assert not verify(rng.randbytes(32), signed, text)
        assert not verify(public, rng.randbytes(64), text)


def test_encodings_are_strict() -> None:
    """A second encoding of `s`, keys of small order, coordinates beyond the prime and wrong lengths are refused."""
    public, text, signed = (bytes.fromhex(part) for part in VECTORS[1])
    moved = signed[:32] + (int.from_bytes(signed[32:], "little") + _ORDER).to_bytes(32, "little")
    assert not verify(public, moved, text)
    identity = (1).to_bytes(32, "little")
    assert not verify(identity, identity + bytes(32), text)  # valid for every message without the check
    assert not verify(bytes(32), identity + bytes(32), text)
    beyond = (2**255 - 19 + 1).to_bytes(32, "little")
    assert not verify(beyond, signed, text)
    assert not verify(public[:31], signed, text)
    assert not verify(public, signed[:63], text)
