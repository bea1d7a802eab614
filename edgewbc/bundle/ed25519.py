"""Verification of Ed25519 signatures (RFC 8032), in Python integers. Signing is done by `cryptography`, never here.

Cryptography of one's own is rightly distrusted, and this is why it is small enough to be an exception. A microscope PC
verifies and never signs: the public key, the signature and the message are all public, so that timing leaks nothing,
which is what makes such code dangerous elsewhere. What remains is correctness, which tests hold against the vectors of
RFC 8032 and against `cryptography` on random and on altered signatures. The alternative is a binary dependency of some
4 MB on every lab PC, with its own security updates, for one operation at the start of a session. (OpenSSL's program is
not on Windows; RSA by `pow` alone would be shorter, but needs padding, which is where such code goes wrong.)

Encodings are checked strictly: `s` below the order of the group, coordinates below the prime, no points of small order.
The equation is checked without the cofactor. A verification takes a few milliseconds.
"""

from __future__ import annotations

import hashlib
from typing import Final

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT: Final = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates X, Y, Z and T, with x = X / Z, y = Y / Z and x * y = T / Z."""

_ZERO: Final[_Point] = (0, 1, 1, 0)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature of 64 bytes is that of a message under a public key of 32 bytes."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, commitment = _decode(public_key), _decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= _ORDER or _equal(_multiply(8, key), _ZERO):
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    return _equal(_multiply(scalar, _BASE), _add(commitment, _multiply(challenge, key)))


def _decode(data: bytes) -> _Point | None:
    """Return the point of 32 bytes; None if there is none, or its encoding is not the canonical one (section 5.1.3)."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x % 2 != sign else x
    return x, y, 1, x * y % _P


def _add(first: _Point, second: _Point) -> _Point:
    """Return the sum of two points (section 5.1.4)."""
    a = (first[1] - first[0]) * (second[1] - second[0]) % _P
    b = (first[1] + first[0]) * (second[1] + second[0]) % _P
    c, d = 2 * first[3] * second[3] * _D % _P, 2 * first[2] * second[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    """Return a multiple of a point. Not in constant time: every input is public."""
    found = _ZERO
    while scalar:
        if scalar & 1:
            found = _add(found, point)
        point, scalar = _add(point, point), scalar >> 1
    return found


def _equal(first: _Point, second: _Point) -> bool:
    return not (
        (first[0] * second[2] - second[0] * first[2]) % _P or (first[1] * second[2] - second[1] * first[2]) % _P
    )


def _base() -> _Point:
    """Return the base point: y = 4 / 5, and the even x."""
    point = _decode((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    if point is None:
        raise AssertionError("the curve's constants are wrong")
    return point


_BASE: Final = _base()
