"""Sign bundles with an Ed25519 key pair that is kept offline (extra `sign`)."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgewbc.bundle import signature
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import SIGNATURE
from edgewbc.bundle.signature import PublicKey, Signature
from edgewbc.errors import UserError
from edgewbc.utils.files import write_json, write_text
from edgewbc.utils.optional import install_command, need
from edgewbc.utils.text import utc_now

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSWORD: Final = "EDGEWBC_KEY_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable with the password of a private key, where nobody can type it."""


def new_key(private: Path, name: str) -> Path:
    """Make a key pair: the private key as PEM (PKCS 8, readable by its owner alone), the public one as `<file>.pub`.

    The private key is encrypted if EDGEWBC_KEY_PASSWORD is set.

    Returns:
        the file of the public key.

    Raises:
        UserError: a file exists already, the name is not printable, or `cryptography` is not installed.
    """
    need("cryptography", "edgewbc sign", install_command("sign"))
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if path.exists():
            raise UserError(f"{path}: exists already, and a key is never overwritten")
    if not 0 < len(name) <= 100 or not name.isprintable() or name != name.strip():
        raise UserError(f"--name {name!r}: name the owner of the key in 1 to 100 characters")
    key = Ed25519PrivateKey.generate()
    password = os.environ.get(PASSWORD)
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    with os.fdopen(os.open(private, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(pem)
    write_text(public, f"{_public(key, name).line()}\n")
    return public


def sign(path: Path, private: Path, name: str | None = None) -> Signature:
    """Sign a bundle's folder: check every file, and write SIGNATURE into it.

    Args:
        path: folder of the bundle; a zip is packed after signing.
        private: file of the private key.
        name: of the signer; None takes that of the public key's file beside the private one.

    Raises:
        UserError: it is not a bundle's folder or damaged, or the key cannot be read.
    """
    if not path.is_dir():
        raise UserError(f"{path}: sign the folder of a bundle, and pack it afterwards")
    bundle = Bundle.open(path)
    bundle.verify()
    key = _load(private)
    if name is None:
        public = private.with_name(f"{private.name}.pub")
        name = signature.read_keys(public)[0].name if public.is_file() else ""
    at = utc_now()
    made = Signature(_public(key, name), at, key.sign(signature.message(bundle.sums, name, at)))
    write_json(path / SIGNATURE, made.to_json())
    signature.read(Bundle.open(path))  # by the code that labs verify with
    return made


def _public(key: Ed25519PrivateKey, name: str) -> PublicKey:
    return PublicKey(key.public_key().public_bytes_raw(), name)


def _load(path: Path) -> Ed25519PrivateKey:
    need("cryptography", "edgewbc sign", install_command("sign"))
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the private key cannot be read ({error.strerror})") from None
    password = os.environ.get(PASSWORD)
    if password is None and b"ENCRYPTED" in data and sys.stdin.isatty():
        password = getpass.getpass(f"password of {path}: ")
    try:
        key = load_pem_private_key(data, password.encode() if password and b"ENCRYPTED" in data else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if data.startswith(b"edgewbc-ed25519 "):
            raise UserError(f"{path}: is a public key, which verifies: sign with the private one beside it") from None
        raise UserError(f"{path}: not a private key in PEM, or the password ({PASSWORD}) is wrong") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path}: not an Ed25519 key: make one with `edgewbc sign --new-key lab.key --name YOU`")
    return key
