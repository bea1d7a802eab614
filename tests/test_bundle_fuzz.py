"""Damaged or malicious bundles are rejected with an error of one line, and no file outside them is read."""

from __future__ import annotations

import hashlib
import os
import sys
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
from tests import fuzz_bundles
from tests.fuzz_bundles import OUTSIDE, SECRET, files, seal

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links")


def written(place: Path, more: dict[str, bytes] | None = None, sums: bytes | None = None) -> Path:
    """Write a bundle's folder with `files()` and additional files."""
    contents = {**files(), **(more or {})}
    for name, data in {**contents, SUMS: sums or seal(contents)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


@posix
def test_mangled_bundles_open_or_are_rejected(tmp_path: Path) -> None:
    """150 bundles, folders and zips: only UserErrors of one line are raised, and no file outside is opened."""
    outcomes = set()
    for number in range(150):
        place = tmp_path / str(number)
        place.mkdir()
        how, path = fuzz_bundles.case(11, number, place)
        outcomes.add((how.split(",")[0], fuzz_bundles.attempt(path)))
    assert {how for how, _ in outcomes} == set(fuzz_bundles._CASES)
    assert {outcome for _, outcome in outcomes} == {"opened", "refused"}


def test_opening_a_file_outside_is_detected(tmp_path: Path) -> None:
    """The check used above fails if a file outside the bundle is opened."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_text("x")
    with pytest.raises(AssertionError, match="outside was opened"), fuzz_bundles._watched(tmp_path / "inside"):
        (tmp_path / "outside").read_text()


@pytest.mark.parametrize(
    "name",
    ["CON", "nul.txt", "a/COM1", "aux .x/b", "lpt9", "a.", "a ", "file:stream", "CARD.md::$DATA", "//host/share/x",
     "\\\\host\\x", "a//b", "./a", "a/", ".", "a?", "a\tb", "c:/x"],
)  # fmt: skip
def test_unportable_names_are_rejected(tmp_path: Path, name: str) -> None:
    """Device names, streams, shares, drives and names that are not normalized."""
    listed = seal(files()) + f"{hashlib.sha256(b'').hexdigest()}  {name}\n".encode()
    with pytest.raises(UserError, match="SHA256SUMS has an invalid line"):
        Bundle.open(written(tmp_path / "b", sums=listed))


@pytest.mark.parametrize("name", ["card.md", "CARD.md", "OpenVINO/int8.xml"])
def test_names_that_collide_are_rejected(tmp_path: Path, name: str) -> None:
    """A file listed twice, or under two spellings that are one file on Windows and macOS."""
    listed = seal(files()) + f"{hashlib.sha256(b'').hexdigest()}  {name}\n".encode()
    with pytest.raises(UserError, match="are one file to some systems|is listed twice"):
        Bundle.open(written(tmp_path / "b", sums=listed))


@posix
def test_named_pipes_are_rejected_without_blocking(tmp_path: Path) -> None:
    """A named pipe in place of a file is rejected."""
    path = written(tmp_path / "b", {"pipe": b""})
    (path / "pipe").unlink()
    os.mkfifo(path / "pipe")
    with pytest.raises(UserError, match="pipe is not a plain file"):
        Bundle.open(path).verify()


@posix
def test_linked_folder_outside_the_bundle_is_rejected(tmp_path: Path) -> None:
    """A folder of the bundle must not be a link to a folder outside."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_bytes(SECRET)
    path = written(tmp_path / "b", sums=seal({**files(), "more/x": SECRET}))
    (path / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="more/x leads out of the bundle"):
        Bundle.open(path).verify()


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


def test_onnx_file_named_xml_is_rejected(tmp_path: Path) -> None:
    """OpenVINO would load an ONNX file given as .xml, with weights from any path that it names."""
    path = written(tmp_path / "b", {"openvino/int8.xml": b"\x08\x08\x3a\x00"})
    with pytest.raises(UserError, match="openvino/int8.xml is not an OpenVINO IR"):
        Bundle.open(path).read("openvino/int8.xml")
