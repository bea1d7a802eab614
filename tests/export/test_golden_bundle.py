"""Tests of edgewbc.export.golden_bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle, pack
from edgewbc.errors import UserError
from edgewbc.export.golden_bundle import set_entry
from edgewbc.runtime.golden import GoldenEntry
from tests.export.test_card import values
from tests.tiny import make_bundle

ENTRY = GoldenEntry({"f32": 0.0004, "int8": 0.03})


def bundle(folder: Path) -> Bundle:
    """A bundle with all that its card says."""
    written = ("format", "name", "classes", "pixels", "files", "default_precision", "golden")  # by `make_bundle`
    facts: dict[str, Any] = {name: value for name, value in values().items() if name not in written}
    return make_bundle(folder, tuple(values()["classes"]), **facts)


def test_only_manifest_and_card_change(tmp_path: Path) -> None:
    """The new tolerances are stated in both; models and golden samples keep their hashes."""
    before = bundle(tmp_path / "b")
    set_entry(before.path, ENTRY)
    after = Bundle.open(before.path)
    after.verify()
    assert dict(after.manifest.tolerance) == {"f32": 0.0004, "int8": 0.03}
    changed = {name for name, digest in after.sums.items() if before.sums.get(name) != digest}
    assert changed == {"manifest.json", "CARD.md"}
    assert "int8 within 0.03" in (after.path / "CARD.md").read_text(encoding="utf-8")
    same = {name: value for name, value in after.manifest.to_json().items() if name != "golden"}
    assert same == {name: value for name, value in before.manifest.to_json().items() if name != "golden"}


def test_a_zip_or_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    """And nothing is changed."""
    made = bundle(tmp_path / "b")
    pack(made.path, tmp_path / "b.zip")
    with pytest.raises(UserError, match="is not the folder of a bundle"):
        set_entry(tmp_path / "b.zip", ENTRY)
    head = made.path / "openvino" / "f32.xml"
    head.write_bytes(head.read_bytes() + b" ")
    manifest = (made.path / "manifest.json").read_bytes()
    with pytest.raises(UserError):
        set_entry(made.path, ENTRY)
    assert (made.path / "manifest.json").read_bytes() == manifest
