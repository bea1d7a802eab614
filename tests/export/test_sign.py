"""Tests of `edgewbc.export.sign`, `edgewbc.bundle.signature`, `edgewbc sign` and `edgewbc verify BUNDLE`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edgewbc.bundle import signature
from edgewbc.errors import UserError
from edgewbc.export import sign
from tests.tiny import make_bundle

pytest.importorskip("cryptography")


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private key is its owner's alone, never overwritten, and encrypted if a password is set."""
    monkeypatch.setenv(sign.PASSWORD, "secret")
    public = sign.new_key(tmp_path / "k", "Me & you")
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    assert signature.read_keys(public)[0].name == "Me & you"
    make_bundle(tmp_path / "b")
    assert sign.sign(tmp_path / "b", tmp_path / "k").key.name == "Me & you"
    monkeypatch.setenv(sign.PASSWORD, "wrong")
    with pytest.raises(UserError, match="not a private key in PEM, or the password"):
        sign.sign(tmp_path / "b", tmp_path / "k")
    with pytest.raises(UserError, match="never overwritten"):
        sign.new_key(tmp_path / "k", "x")
    with pytest.raises(UserError, match="is a public key, which verifies: sign with the private one beside it"):
        sign.sign(tmp_path / "b", public)
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    other = generate_private_key(SECP256R1())
    (tmp_path / "ec").write_bytes(
        other.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    )
    with pytest.raises(UserError, match="ec: not an Ed25519 key: make one with `edgewbc sign --new-key lab.key"):
        sign.sign(tmp_path / "b", tmp_path / "ec")
    public.write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(UserError, match=r"line 1: a private key, which signs: name the public one"):
        signature.read_keys(public)
    public.write_text("# a comment\n\nedgewbc-ed25519 AAAA x\n")
    with pytest.raises(UserError, match="line 3: expected `edgewbc-ed25519 KEY NAME`"):
        signature.read_keys(public)
