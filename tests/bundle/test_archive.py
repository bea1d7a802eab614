"""Bundles as zip files: limits on size, names and compression."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edgewbc.bundle import archive as bundle_archive
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.paths import SUMS
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from tests.fuzz_bundles import OUTSIDE, files, seal, written


def zipped(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(path, "w", method)
    for name, data in contents.items():
        archive.writestr(name, data)
    return archive


def test_zip_bomb_does_not_allocate_memory(tmp_path: Path) -> None:
    """An entry that declares ten bytes but contains 200 MB is not unpacked."""
    contents = dict(files())
    with zipped(tmp_path / "b.zip", {**contents, SUMS: seal(contents)}) as archive:
        archive.writestr("bomb", bytes(200 << 20))
        archive.getinfo("bomb").file_size = 10
    bomb = Bundle(tmp_path / "b.zip", BundleManifest("b", ("a",), PixelSpec(4, 4), {}, "int8"), {"bomb": ""})
    tracemalloc.start()
    with pytest.raises(UserError):
        bomb.read("bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size limit applies in a folder and in a zip."""
    monkeypatch.setattr(bundle_archive, "MAX_FILE_BYTES", 3000)
    contents = {**files(), "large": bytes(3001)}
    zipped(tmp_path / "b.zip", {**contents, SUMS: seal(contents)}).close()
    for path in (written(tmp_path / "b", {"large": bytes(3001)}), tmp_path / "b.zip"):
        with pytest.raises(UserError, match="large is larger than a bundle's file may be"):
            Bundle.open(path).verify()


@pytest.mark.parametrize("name", [f"../{OUTSIDE}", "/etc/passwd", "C:/x", "card.md", "CARD.md", "NUL"])
def test_zips_with_unsafe_names_are_rejected(tmp_path: Path, name: str) -> None:
    """They are rejected even if SHA256SUMS does not list them, because unpacking the zip would create them."""
    contents = dict(files())
    with (
        zipped(tmp_path / "b.zip", {**contents, SUMS: seal(contents)}) as archive,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("warnings.warn", lambda *_, **__: None)
        archive.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(UserError, match="may lead out of the bundle|are one file to some systems"):
        Bundle.open(tmp_path / "b.zip")


def test_unsupported_compression_and_links_in_zips_are_rejected(tmp_path: Path) -> None:
    """bzip2 and LZMA, whose expansion is not limited, and symbolic links are rejected."""
    contents = dict(files())
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        zipped(tmp_path / "b.zip", {**contents, SUMS: seal(contents)}, method).close()
        with pytest.raises(UserError, match="uses an unsupported compression method"):
            Bundle.open(tmp_path / "b.zip")
    contents["link"] = f"../{OUTSIDE}".encode()
    with zipped(tmp_path / "b.zip", {**files(), SUMS: seal(contents)}) as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, contents["link"])
    with pytest.raises(UserError, match="link is not a plain file"):
        Bundle.open(tmp_path / "b.zip").verify()
