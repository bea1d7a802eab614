"""Tests of bench.describe_bundles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.describe_bundles import main
from edgewbc.bundle.bundle import Bundle
from edgewbc.export import training_images
from tests.colored import make_manifest
from tests.export.test_describe import bundle_without_description
from tests.export.test_onnx_version import NAME, bundle_with, tiny_onnx


def test_bundles_are_described_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each bundle has the measured training images and the license afterwards, and its folder is printed."""
    manifest = make_manifest(tmp_path / "images", per_class=2)
    manifest.write(tmp_path / "m")
    folders = [bundle_without_description(tmp_path / name, manifest).path for name in ("a", "b")]
    arguments = [*(str(folder) for folder in folders), "--data", str(tmp_path / "m"), "--license", "MIT"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == arguments[:2]
    for folder in folders:
        bundle = Bundle.open(folder)
        bundle.verify()
        assert bundle.manifest.training_images == training_images.measure(manifest, bundle.pixels)
        assert bundle.manifest.to_json()["weights_license"] == "MIT"


def test_other_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2, the error is one line, and the bundle is unchanged."""
    manifest = make_manifest(tmp_path / "images", per_class=2)
    bundle = bundle_without_description(tmp_path / "b", manifest)
    replace(manifest, entries=manifest.entries[1:]).write(tmp_path / "m")
    assert main([str(bundle.path), "--data", str(tmp_path / "m")]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "was trained on another manifest" in printed.err
    assert Bundle.open(bundle.path).sums == bundle.sums


def test_new_hashes_of_onnx_files_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `sha256sum` prints them; nothing for a bundle whose files have the lowest IR version."""
    folder = bundle_with(tmp_path / "b", tiny_onnx(10)).path
    assert main([str(folder), "--lower-ir-version"]) == 0
    assert capsys.readouterr().out == f"{Bundle.open(folder).sums[NAME]}  {folder / NAME}\n"
    assert main([str(folder), "--lower-ir-version"]) == 0
    assert capsys.readouterr().out == ""
