"""Signatures of bundles: verdicts, and bundles altered after signing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle import bundle as bundles
from edgewbc.bundle import signature
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.signature import Trust
from edgewbc.errors import UserError
from edgewbc.export import sign
from tests.tiny import make_bundle


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that was signed with `lab.key`, beside which a second key pair `other.key` lies."""
    monkeypatch.delenv(signature.TRUSTED, raising=False)
    make_bundle(tmp_path / "b")
    sign.new_key(tmp_path / "lab.key", "City Hospital")
    sign.new_key(tmp_path / "other.key", "Someone")
    sign.sign(tmp_path / "b", tmp_path / "lab.key")
    return tmp_path / "b"


def test_verdicts(signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pinned key is trusted, in a folder and in a zip; another is not; without any, nothing is claimed."""
    lab, other = (signature.read_keys(tmp_path / name) for name in ("lab.key.pub", "other.key.pub"))
    bundles.pack(signed, tmp_path / "b.zip")
    for path in (signed, tmp_path / "b.zip"):
        verdict = signature.judge(Bundle.open(path), [*other, *lab])
        assert verdict.trust == Trust.TRUSTED
        assert "signed by City Hospital on 20" in verdict.line
        assert lab[0].fingerprint in verdict.line
        assert signature.judge(Bundle.open(path), other).trust == Trust.UNKNOWN_KEY
        assert signature.judge(Bundle.open(path), ()).trust == Trust.NOT_PINNED
    with pytest.raises(UserError, match="--require-signature: .* signed by a key that is not trusted here"):
        signature.require(Bundle.open(signed), other)
    with pytest.raises(UserError, match="name the file of trusted keys"):
        signature.require(Bundle.open(signed), signature.trusted())
    monkeypatch.setenv(signature.TRUSTED, str(tmp_path / "lab.key.pub"))
    assert signature.require(Bundle.open(signed), signature.trusted()).trust == Trust.TRUSTED


def test_every_file_of_a_required_signature_is_checked(signed: Path, tmp_path: Path) -> None:
    """One changed byte of a file that classification does not read is found too."""
    lab = signature.read_keys(tmp_path / "lab.key.pub")
    card = bytearray((signed / "CARD.md").read_bytes())
    card[3] ^= 1
    (signed / "CARD.md").write_bytes(card)
    assert signature.judge(Bundle.open(signed), lab).trust == Trust.TRUSTED
    with pytest.raises(UserError, match=r"CARD.md is not the file that was released \(wrong hash\)"):
        signature.require(Bundle.open(signed), lab)


def test_an_altered_bundle_is_refused(signed: Path) -> None:
    """Whoever replaces a file and rewrites the checksums, or the name of the signer, cannot make a signature."""
    card = signed / "CARD.md"
    before = card.read_bytes()
    card.write_bytes(b"better")
    bundles.seal(signed)
    with pytest.raises(UserError, match="its signature does not fit its files"):
        signature.judge(Bundle.open(signed), ())
    card.write_bytes(before)
    bundles.seal(signed)
    assert signature.judge(Bundle.open(signed), ()).trust == Trust.NOT_PINNED
    file = signed / "SIGNATURE"
    values = json.loads(file.read_text())
    changes: list[dict[str, Any]] = [{"name": "Another"}, {"at": "2020-01-01T00:00:00Z"}]
    for change in changes:
        file.write_text(json.dumps({**values, **change}))
        with pytest.raises(UserError, match="does not fit"):
            signature.read(Bundle.open(signed))
    malformed: list[dict[str, Any]] = [{"format": 2}, {"key": "?"}, {"name": "a\nb"}]
    for change in malformed:
        file.write_text(json.dumps({**values, **change}))
        with pytest.raises(UserError, match="its SIGNATURE is malformed"):
            signature.read(Bundle.open(signed))
    file.unlink()
    assert signature.judge(Bundle.open(signed), ()).trust == Trust.UNSIGNED
