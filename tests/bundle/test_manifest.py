"""The manifest of a bundle: what it must hold, versions of its format, and damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.bundle import manifest as bundle_manifest
from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.paths import MANIFEST
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.smear.views import Views
from tests.bundle.conftest import WILD, opens_or_is_refused
from tests.tiny import make_bundle

THRESHOLDS: tuple[Any, ...] = (-5, 1.5, True, False, "0.5", [])


TOLERANCES: tuple[Any, ...] = (0, -1, 0.21, 1e308, True, "0.1", None)
"""Invalid values."""


def _set(value: Any, *keys: str | int) -> Callable[[Any], None]:
    """Return a function that sets a value within a manifest."""

    def edit(manifest: Any) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda m: m.update(format=5), r"written by a newer edgewbc \(format 5\); update edgewbc to read it$"),
        (lambda m: m.update(format="1"), "its manifest.json is not a bundle's: ValueError"),
        (lambda m: m.update(views={"turns": 4, "scales": []}), "its manifest.json is not a bundle's: ValueError"),
        (lambda m: m.update(label_from="mean"), "its manifest.json is not a bundle's: ValueError"),
        (lambda m: m.update(label_from="median"), "its manifest.json is not a bundle's: ValueError"),
        (lambda m: m.update(format=0), "its manifest.json is not a bundle's: ValueError"),
        (lambda m: m.pop("classes"), "its manifest.json is not a bundle's: KeyError"),
        (lambda m: m.update(pixels={"height": 0, "width": 16, "mean": [0, 0, 0], "std": [1, 1, 1]}), "input size 0"),
        (lambda m: m.update(files=[]), "its manifest.json is not a bundle's"),
        (lambda m: m.update(default_precision="f16"), "default_precision has no files"),
        (
            lambda m: m["files"]["f32"].update(openvino=["openvino/f16.xml"] * 2),
            "f16.xml is not listed in its SHA256SUMS",
        ),
        (lambda m: m["files"]["f32"].update(openvino=["openvino/f32.xml"]), "files of f32 for openvino"),
        *(
            (
                _set(value, "review_below"),
                "review_below in its manifest.json is .*from 0 to 1, or 1.01 to review every cell$",
            )
            for value in THRESHOLDS
        ),
        *(
            (_set(value, "golden", "tolerance", "int8"), "golden.tolerance of 'int8' in .*at most 0.2$")
            for value in TOLERANCES
        ),
        (_set({"int8": 0.3}, "golden", "tolerance_onnx"), "golden.tolerance_onnx of 'int8' in .*at most 0.2$"),
        (_set("a\nb", "golden", "tolerance", "int8"), r"in its manifest.json is 'a\\nb'; it must be a number"),
        (_set("a\nb", "review_below"), r"in its manifest.json is 'a\\nb'; it must be a number"),
        *(
            (_set(value, "classes", 1), words)
            for value, words in (
                ("neutrophil", "'neutrophil' occurs twice"),
                ("Neutrophil", "occurs twice"),
                ("", "is empty"),
                (" x", "blanks at its ends"),
                ("a\nb", "control characters"),
                ("x" * 101, "too long"),
                ("=1+1", "begins with =, which a spreadsheet takes for a formula"),
                ("@x", "begins with @"),
                ("-x", "begins with -"),
                ("+x", "begins with [+]"),
                (7, "class '7' is not a name"),
                (None, "is not a name"),
            )
        ),
        (lambda m: m.update(classes=[]), "0 classes; there must be 1 to 1000"),
        (lambda m: m.update(classes=[f"c{i}" for i in range(1001)]), "1001 classes"),
        (lambda m: m["pixels"].update(scale=True), "pixels must be numbers"),
        (lambda m: m.update(name="a\nb"), "name must be a line of text"),
    ],  # fmt: skip
)
def test_invalid_manifest_is_rejected(folder: Path, edit: Callable[[Any], Any], reason: str) -> None:
    """Missing and invalid values in the manifest are reported when the bundle is opened."""
    told = json.loads((folder / MANIFEST).read_text())
    edit(told)
    (folder / MANIFEST).write_text(json.dumps(told))
    seal(folder)
    with pytest.raises(UserError, match=reason):
        Bundle.open(folder)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 1, "format": 1}', "the key 'format' occurs twice"),
        ('{"format": 1, "review_below": NaN}', "NaN is not a number in JSON"),
        ('{"format": 1, "review_below": -Infinity}', "-Infinity is not a number in JSON"),
    ],
)
def test_nonstandard_json_is_rejected(folder: Path, text: str, reason: str) -> None:
    """Readers differ in which of two equal keys they take, and NaN would switch a threshold off."""
    (folder / MANIFEST).write_text(text)
    seal(folder)
    with pytest.raises(UserError, match=reason):
        Bundle.open(folder)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda m: m.update(classes=m["classes"][::-1]), "has the classes 'neutr.* but manifest.json has 'baso"),
        (lambda m: m.update(classes=m["classes"][:4]), "int8.xml has the classes"),
        (lambda m: m["pixels"].update(height=64), "takes 16 x 16 pixels, but manifest.json has 64 x 16 pixels"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_model_is_rejected(folder: Path, edit: Callable[[Any], Any], reason: str) -> None:
    """Class names in another order would give every cell another name."""
    values = json.loads((folder / MANIFEST).read_text())
    edit(values)
    (folder / MANIFEST).write_text(json.dumps(values))
    seal(folder)
    bundle = Bundle.open(folder)
    for read in (bundle.read_model, bundle.verify):
        with pytest.raises(UserError, match=reason):
            read()


def test_older_formats_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of format 3 opens a bundle of format 1, and refuses one of format 4."""
    monkeypatch.setattr(bundle_manifest, "FORMAT", 3)
    assert Bundle.open(folder).name == "tiny"
    values = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**values, "format": 4}))
    seal(folder)
    with pytest.raises(
        UserError, match=r"written by a newer edgewbc \(format 4\); update edgewbc to read it$"
    ) as caught:
        Bundle.open(folder)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def test_views_that_the_label_is_taken_from(tmp_path: Path) -> None:
    """All where the manifest says so; none where it says nothing, as before format 4, or has no further views."""
    views = Views(2, ())
    spec = PixelSpec(16, 16, crop="cell", size=40, reference=Reference(20.0, (235.0, 225.0, 215.0), (1.0, 1.6, 0.5)))
    entries: dict[str, Any] = {"views": views.to_json(), "format": 4}
    for name, label_from, found in (("a", "mean", views), ("b", "upright", None), ("c", None, None)):
        stated = entries if label_from is None else {**entries, "label_from": label_from}
        assert make_bundle(tmp_path / name, spec=spec, **stated).manifest.averaged == found
    assert make_bundle(tmp_path / "d").manifest.averaged is None


KEYS = ("format", "name", "classes", "pixels", "files", "default_precision")


@WILD
@given(change=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_mangled_manifests_are_rejected(folder: Path, change: dict[str, Any]) -> None:
    """Any change of a manifest with correct hashes raises nothing but a UserError of one line."""
    original = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_text(json.dumps({**json.loads(original), **change}))
    seal(folder)
    try:
        opens_or_is_refused(folder)
    finally:
        (folder / MANIFEST).write_bytes(original)


@WILD
@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_manifest_are_rejected(folder: Path, data: bytes) -> None:
    """A sealed manifest of any bytes, not even text, is a UserError."""
    original = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(data)
    seal(folder)
    try:
        with pytest.raises(UserError):
            Bundle.open(folder)
    finally:
        (folder / MANIFEST).write_bytes(original)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, (None, None, None, None)),
        ({"data": "?", "review": {}, "created": 3}, (None, None, None, None)),
        ({"review": {"n": 0, "accepted": 0}}, (None, None, None, None)),
        ({"review": {"n": "many", "accepted": 1}}, (None, None, None, None)),
        (
            {"data": {"source": "pbc", "citation": "A 2020"}, "created": "2026", "review": {"n": 8, "accepted": 6}},
            ("pbc", "A 2020", "2026", 0.75),
        ),
    ],
)
def test_what_is_not_stated_is_none(tmp_path: Path, stated: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Facts that only some manifests state, and values that are none."""
    found = make_bundle(tmp_path / "b", **stated).manifest
    assert (found.source, found.citation, found.created, found.accepted) == expected
