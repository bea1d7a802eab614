"""Tests of edgewbc.bundle.released."""

from __future__ import annotations

from pathlib import Path

from edgewbc.bundle import released
from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.utils import resources

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_list_is_that_of_the_released_bundles() -> None:
    """Every model of export/bundles is listed with its hash, and nothing else is; the guide lists the same hashes."""
    expected = {}
    for path in resources.folder("export/bundles").iterdir():
        bundle = Bundle.open(path)
        for precision, backends in bundle.manifest.files.items():
            for backend in backends:
                files = bundle.read_model(backend, precision)
                expected[files.sha256] = f"{bundle.name} {precision} {backend}"
                assert files.released == f"{bundle.name} {precision} {backend}"
    assert released.models() == expected
    guide = (DOCS / "guide-quality.md").read_text(encoding="utf-8")
    for sha256, name in expected.items():
        assert f"| {name} | `{sha256}` |" in guide


def test_bytes_moved_between_the_files_are_not_the_released_model() -> None:
    """The hash of both files together stays the same, but every weight would be another."""
    files = Bundle.open(resources.shipped_bundle()).read_model()
    xml, weights = files.contents
    moved = ModelFiles((xml[:-1], xml[-1:] + weights), files.precision, files.label)
    assert moved.sha256 == files.sha256
    assert (files.released, moved.released) == ("wbc5-edge int8 openvino", "")
