"""Who made a bundle: a detached signature over its checksums, and the public keys that a lab trusts.

SHA256SUMS shows that the files are undamaged; anyone can rewrite it. A signature by a key that was pinned beforehand
shows whose bundle it is. It covers every file but itself: each is listed in SHA256SUMS, whose entries are what is
signed, together with the name of the signer and the date.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from edgewbc.bundle import archive
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import SIGNATURE
from edgewbc.errors import UserError
from edgewbc.utils.files import parse_json

FORMAT: Final = 1
ALGORITHM: Final = "ed25519"
CONTEXT: Final = b"edgewbc bundle signature 1\n"
"""Beginning of what is signed, so that a signature of anything else is not one of a bundle."""

TRUSTED: Final = "EDGEWBC_TRUSTED_KEYS"
"""Environment variable with the path of the file of trusted keys; a kit's launchers set it."""

_LINE: Final = re.compile(r"edgewbc-ed25519 ([A-Za-z0-9+/]{43}=)(?: (.{1,100}))?")


class Trust(StrEnum):
    """What is known about who made a bundle."""

    TRUSTED = "trusted"
    UNKNOWN_KEY = "unknown key"
    NOT_PINNED = "not pinned"
    UNSIGNED = "unsigned"


@dataclass(frozen=True)
class PublicKey:
    """A public key: 32 bytes, and the name of its owner."""

    data: bytes
    name: str = ""

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the key's SHA-256, by which people compare keys."""
        return hashlib.sha256(self.data).hexdigest()[:16]

    def line(self) -> str:
        """Return the line of a file of keys."""
        return f"edgewbc-ed25519 {base64.b64encode(self.data).decode()} {self.name}".rstrip()

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Read a line of a file of keys. Raises ValueError if it is none."""
        if line.startswith("-----BEGIN") and "PRIVATE KEY" in line:
            raise ValueError("a private key, which signs: name the public one, which verifies (it ends in .pub)")
        match = _LINE.fullmatch(line.strip())
        if match is None or not (match[2] or "").isprintable():
            raise ValueError("expected `edgewbc-ed25519 KEY NAME`")
        return cls(base64.b64decode(match[1]), match[2] or "")


@dataclass(frozen=True)
class Signature:
    """Contents of the file SIGNATURE: who signed (as they call themselves), when (UTC), with which key."""

    key: PublicKey
    at: str
    signature: bytes

    def to_json(self) -> dict[str, Any]:
        """Return the contents of the file."""
        return {
            "format": FORMAT,
            "algorithm": ALGORITHM,
            "key": base64.b64encode(self.key.data).decode(),
            "name": self.key.name,
            "at": self.at,
            "signature": base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Signature:
        """Read the contents of the file. Raises ValueError, KeyError or TypeError if they are malformed."""
        if values["format"] != FORMAT or values["algorithm"] != ALGORITHM:
            raise ValueError(f"format {values['format']!r}, {values['algorithm']!r}: update edgewbc to read it")
        name, at = str(values["name"]), str(values["at"])
        if len(name) > 100 or not name.isprintable() or len(at) > 40 or not at.isprintable():
            raise ValueError("the name or the date is not printable text")
        key, signature = (base64.b64decode(values[part], validate=True) for part in ("key", "signature"))
        return cls(PublicKey(key, name), at, signature)


@dataclass(frozen=True)
class SignatureVerdict:
    """Whose bundle it is, as far as is known.

    Attributes:
        trust: how far.
        signature: of the bundle, which is valid; None if it has none.
        line: the same in words.
    """

    trust: Trust
    signature: Signature | None
    line: str

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON types."""
        made = self.signature
        signed = None if made is None else {"name": made.key.name, "key": made.key.fingerprint, "at": made.at}
        return {"trust": self.trust.value, "signature": signed, "line": self.line}


def message(sums: Mapping[str, str], name: str, at: str) -> bytes:
    """Return what is signed: the context, name and date, and the SHA-256 of every other file, sorted by name."""
    head = json.dumps({"name": name, "at": at}, sort_keys=True, ensure_ascii=True)
    listed = "".join(f"{sums[file]}  {file}\n" for file in sorted(sums) if file != SIGNATURE)
    return CONTEXT + head.encode() + b"\n" + listed.encode()


def read(bundle: Bundle) -> Signature | None:
    """Read and check a bundle's signature; None if it has none.

    Raises:
        UserError: there is a signature that is malformed or does not fit the files: the bundle was altered.
    """
    data = archive.read_optional(bundle.path, SIGNATURE)
    if data is None:
        return None
    try:
        found = Signature.from_json(parse_json(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{bundle.path}: its {SIGNATURE} is malformed ({error}): copy the bundle anew") from None
    from edgewbc.bundle import ed25519

    if not ed25519.verify(found.key.data, found.signature, message(bundle.sums, found.key.name, found.at)):
        raise UserError(f"{bundle.path}: its signature does not fit its files: it was altered after it was signed")
    return found


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """Read a file of trusted public keys: one per line; empty lines and lines that begin with # are skipped.

    Raises:
        UserError: the file is missing, holds no key, or a line is malformed.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the trusted keys cannot be read: {error}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                keys.append(PublicKey.parse(line))
            except ValueError as error:
                raise UserError(f"{path}: line {number}: {error}") from None
    if not keys:
        raise UserError(f"{path}: holds no public key")
    return tuple(keys)


def trusted(path: Path | None = None) -> tuple[PublicKey, ...]:
    """Return the keys in a file, else those in the file that EDGEWBC_TRUSTED_KEYS names; none without either.

    Raises:
        UserError: as `read_keys` does.
    """
    if path is not None:
        return read_keys(path)
    named = os.environ.get(TRUSTED)
    return read_keys(Path(named)) if named else ()


def judge(bundle: Bundle, keys: Sequence[PublicKey]) -> SignatureVerdict:
    """Return whose bundle it is.

    Raises:
        UserError: its signature is malformed or does not fit its files.
    """
    found = read(bundle)
    if found is None:
        words = "is not signed: its checksums show that it is undamaged, not who made it"
        return SignatureVerdict(Trust.UNSIGNED, None, f"{bundle.name}: {words}")
    who = f"{found.key.name or 'someone without a name'} on {found.at[:10]} (key {found.key.fingerprint})"
    pinned = next((key for key in keys if key.data == found.key.data), None)
    if pinned is not None:
        by = f"{pinned.name or found.key.name} on {found.at[:10]} (trusted key {pinned.fingerprint})"
        return SignatureVerdict(Trust.TRUSTED, found, f"{bundle.name}: signed by {by}")
    if keys:
        return SignatureVerdict(
            Trust.UNKNOWN_KEY, found, f"{bundle.name}: signed by a key that is not trusted here: {who}"
        )
    words = f"says that it is signed by {who}; no trusted keys are named ({TRUSTED})"
    return SignatureVerdict(Trust.NOT_PINNED, found, f"{bundle.name}: {words}")


def require(bundle: Bundle, keys: Sequence[PublicKey]) -> SignatureVerdict:
    """Return the verdict on a bundle that must be signed by a trusted key, after checking every file of it.

    Without this, a file is checked when it is read, and some, such as the model card, are not needed to classify.

    Raises:
        UserError: it is not, no trusted keys are named, or a file is not the one that was signed.
    """
    if not keys:
        raise UserError(f"--require-signature: name the file of trusted keys with --trust or in {TRUSTED}")
    verdict = judge(bundle, keys)
    if verdict.trust != Trust.TRUSTED:
        raise UserError(f"{bundle.path}: --require-signature: {verdict.line}")
    for name in bundle.sums:
        bundle.read(name)
    return verdict
