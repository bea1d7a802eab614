"""The commands `edgewbc sign` and `edgewbc verify BUNDLE`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle import signature
from tests.tiny import encode, make_bundle, make_image

Run = Callable[..., Any]


def test_commands(edgewbc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key pair is made, a bundle signed and verified, and classify says whose it is or refuses it."""
    monkeypatch.delenv(signature.TRUSTED, raising=False)
    make_bundle(tmp_path / "b")
    (tmp_path / "x.png").write_bytes(encode(make_image(1, 24, 24)))
    key, pub = tmp_path / "k", tmp_path / "k.pub"
    ran = edgewbc("verify", tmp_path / "b", "--json")
    assert json.loads(ran.out)["trust"] == "unsigned"
    assert edgewbc("sign", "--new-key", key, "--name", "City Hospital").code == 0
    classify = ("classify", tmp_path / "x.png", "--model", tmp_path / "b")
    ran = edgewbc(*classify)
    assert ran.code == 0, ran.err
    assert "is not signed" in ran.err
    ran = edgewbc(*classify, "--require-signature", "--trust", pub)
    assert ran.code == 2
    assert ran.err.strip().endswith("not who made it")
    ran = edgewbc("sign", tmp_path / "b", "--key", key, "--zip")
    assert "signed by City Hospital" in ran.out
    assert "signed by City Hospital" in edgewbc("verify", tmp_path / "b.zip", "--trust", pub).out
    ran = edgewbc(*classify, "--require-signature", "--trust", pub)
    assert ran.code == 0, ran.err
    assert "signed by City Hospital" in ran.err
    assert edgewbc("sign", tmp_path / "b").code == 2
