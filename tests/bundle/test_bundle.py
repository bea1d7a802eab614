"""Tests of edgewbc.bundle.bundle: opening and checking bundles, with errors of one line."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.bundle.bundle import Bundle, pack, seal
from edgewbc.bundle.paths import MANIFEST, SUMS
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from tests.bundle.conftest import WILD, opens_or_is_refused
from tests.tiny import make_bundle


def test_properties_come_from_the_manifest(made: Bundle) -> None:
    """Name, classes, pixels and precisions come from the manifest."""
    assert made.name == "tiny"
    assert made.classes == ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
    assert made.pixels == PixelSpec(16, 16)
    assert made.precisions == ("int8", "f32")
    assert made.default_precision == "int8"
    assert made.model_files("openvino") == ("openvino/int8.xml", "openvino/int8.bin")
    assert made.model_files("openvino", "f32") == ("openvino/f32.xml", "openvino/f32.bin")


def test_the_models_hash_is_that_of_its_files_in_turn(made: Bundle) -> None:
    """`cat int8.xml int8.bin | sha256sum` gives the model's hash, and their bytes together are its size."""
    data = b"".join((made.path / "openvino" / name).read_bytes() for name in ("int8.xml", "int8.bin"))
    assert made.model_sha256() == hashlib.sha256(data).hexdigest()
    assert made.size("openvino", "int8") == len(data)
    assert made.model_sha256("openvino", "f32") != made.model_sha256()


def test_a_model_is_of_the_default_precision_unless_another_is_named(tmp_path: Path) -> None:
    """The default is the manifest's, and what is read says which precision it is."""
    bundle = make_bundle(tmp_path / "b", default_precision="f32")
    assert bundle.read_model().precision == "f32"
    assert (
        bundle.read_model().sha256 == bundle.model_sha256("openvino", "f32") != bundle.model_sha256("openvino", "int8")
    )
    assert bundle.read_model(precision="int8").precision == "int8"


def test_every_file_is_verified(made: Bundle) -> None:
    """verify reads each file but SHA256SUMS itself."""
    files = {file.relative_to(made.path).as_posix() for file in made.path.rglob("*") if file.is_file()}
    assert set(made.verify()) == files - {SUMS}


def test_a_zip_is_the_same_bundle(made: Bundle, tmp_path: Path) -> None:
    """The zip opens and verifies like the folder, and zipping twice gives the same bytes."""
    pack(made.path, tmp_path / "a.zip")
    pack(made.path, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    zipped = Bundle.open(tmp_path / "a.zip")
    assert zipped.manifest == made.manifest
    assert zipped.verify() == made.verify()
    assert zipped.model_sha256() == made.model_sha256()


def test_missing_precision_names_the_available_ones(made: Bundle) -> None:
    """Another precision or backend is refused with what the bundle holds."""
    with pytest.raises(UserError, match=r"holds no bf16 model for openvino; it holds: int8 \(openvino\), f32"):
        made.model_files("openvino", "bf16")
    with pytest.raises(UserError, match="holds no int8 model for onnx"):
        made.model_files("onnx")


def test_a_wrong_hash_is_rejected(folder: Path) -> None:
    """A changed file is found when it is read, and by verify; a changed manifest when the bundle is opened."""
    with (folder / "openvino/f32.bin").open("r+b") as file:
        file.write(b"x")
    bundle = Bundle.open(folder)
    assert bundle.read("openvino/int8.bin")
    for read in (lambda: bundle.read("openvino/f32.bin"), bundle.verify):
        with pytest.raises(UserError, match="f32.bin is not the file that was released .wrong hash.: copy the bundle"):
            read()
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text() + " ")
    with pytest.raises(UserError, match="manifest.json is not the file that was released"):
        Bundle.open(folder)


def test_a_wrong_hash_in_a_zip_is_rejected(folder: Path, tmp_path: Path) -> None:
    """The same holds inside a zip."""
    (folder / "CARD.md").write_text("changed")
    pack(folder, tmp_path / "b.zip")
    with pytest.raises(UserError, match="CARD.md is not the file that was released"):
        Bundle.open(tmp_path / "b.zip").verify()


def test_a_missing_file_is_named(folder: Path, made: Bundle) -> None:
    """The error names a missing file, or one that SHA256SUMS does not list."""
    (folder / "openvino/f32.bin").unlink()
    with pytest.raises(UserError, match="openvino/f32.bin is missing"):
        Bundle.open(folder).verify()
    with pytest.raises(UserError, match="passwd is not listed in its SHA256SUMS"):
        made.read("passwd")


def test_non_bundles_are_rejected(tmp_path: Path) -> None:
    """A missing path, an empty folder, a text file and an empty zip raise an error of one line."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("hello")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    for name, reason in {
        "gone": "no such bundle",
        "empty": "SHA256SUMS is missing; is this a complete bundle",
        "text.zip": "neither a bundle's folder nor a readable zip",
        "empty.zip": "SHA256SUMS is missing",
    }.items():
        with pytest.raises(UserError, match=f"{name}: {reason}"):
            Bundle.open(tmp_path / name)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "..\\secret", "C:secret", "a\0b"])
def test_names_that_lead_out_are_rejected(folder: Path, name: str) -> None:
    """No line of SHA256SUMS may lead out of the bundle."""
    (folder.parent / "secret").write_text("secret")
    with (folder / SUMS).open("a") as file:
        file.write(f"{hashlib.sha256(b'secret').hexdigest()}  {name}\n")
    with pytest.raises(UserError, match="SHA256SUMS has an invalid line"):
        Bundle.open(folder)


def test_links_that_lead_out_are_rejected(folder: Path) -> None:
    """A link to a file outside is not followed, even with the right hash."""
    (folder.parent / "secret").write_text("secret")
    try:
        (folder / "inside").symlink_to(folder.parent / "secret")
    except OSError:
        pytest.skip("this system does not let us make links")
    seal(folder)
    with pytest.raises(UserError, match="inside leads out of the bundle"):
        Bundle.open(folder).verify()


@pytest.mark.parametrize("name", [SUMS, MANIFEST, "golden/expected.json", "openvino/int8.xml", "CARD.md"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_huge_file_is_refused_before_it_is_read(folder: Path, tmp_path: Path, name: str, zipped: bool) -> None:
    """400 MB in the place of a file that is parsed take no memory, in a folder and in a zip."""
    if zipped:
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            for file in folder.rglob("*"):
                archive.write(file, file.relative_to(folder).as_posix())
            archive.getinfo(name).file_size = 400 << 20
    else:
        with (folder / name).open("r+b") as opened:
            opened.truncate(400 << 20)  # sparse
    tracemalloc.start()
    with pytest.raises(UserError, match=f"{name} is larger than a bundle's file may be"):
        Bundle.open(tmp_path / "b.zip" if zipped else folder).verify()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_zip_of_zeros_is_rejected(folder: Path, tmp_path: Path) -> None:
    """A compression ratio that weights never reach is rejected."""
    (folder / "openvino" / "f32.bin").write_bytes(bytes(20 << 20))
    seal(folder)
    pack(folder, tmp_path / "b.zip")
    with pytest.raises(UserError, match="f32.bin unpacks to more than 200 times its size in the zip"):
        Bundle.open(tmp_path / "b.zip").verify()


@pytest.mark.parametrize("field", [(8, "<HH", (60_000, 60_000)), (12, "<I", (1 << 28,))])
def test_a_huge_directory_of_a_zip_is_rejected(folder: Path, tmp_path: Path, field: tuple[int, str, Any]) -> None:
    """The number of entries and the size of the directory are checked before zipfile reads it."""
    pack(folder, tmp_path / "b.zip")
    data = bytearray((tmp_path / "b.zip").read_bytes())
    at, code, values = field
    struct.pack_into(code, data, len(data) - 22 + at, *values)
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(UserError, match="its directory is larger than a bundle's"):
        Bundle.open(tmp_path / "b.zip")


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and devices")
def test_a_pipe_or_device_is_refused_at_once(tmp_path: Path) -> None:
    """Reading them might never end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match="is a device, pipe or socket; give a bundle's folder or a zip of it"):
            Bundle.open(path)


@WILD
@given(data=st.binary(max_size=300), start=st.integers(0, 900), stop=st.integers(0, 900))
def test_mangled_sums_are_rejected(folder: Path, data: bytes, start: int, stop: int) -> None:
    """Any contents of SHA256SUMS raise nothing but a UserError of one line."""
    original = (folder / SUMS).read_bytes()
    (folder / SUMS).write_bytes(original[:start] + data + original[stop:])
    try:
        opens_or_is_refused(folder)
    finally:
        (folder / SUMS).write_bytes(original)


@WILD
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_changed_byte_of_a_zip_is_refused_or_harmless(made: Bundle, tmp_path: Path, place: float, value: int) -> None:
    """A zip with a byte changed verifies with the right contents, or is a UserError."""
    path = tmp_path / "b.zip"
    if not path.exists():
        pack(made.path, path)
    original = path.read_bytes()
    changed = bytearray(original)
    changed[int(place * len(changed))] = value
    path.write_bytes(changed)
    try:
        opens_or_is_refused(path)
    finally:
        path.write_bytes(original)
