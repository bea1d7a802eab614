"""Tests of edgewbc.kit.wheel."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.kit.wheel import Wheel, write
from tests.kit.fake import wheel


def record_is_right(path: Path) -> bool:
    """Check that RECORD lists every file with hash and length, and itself without; return True."""
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/RECORD"))
        rows = {row[0]: row[1:] for row in csv.reader(archive.read(name).decode().splitlines())}
        assert rows.pop(name) == ["", ""]
        assert set(rows) == set(archive.namelist()) - {name}
        for member, (digest, length) in rows.items():
            data = archive.read(member)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, int(length)) == (f"sha256={wanted}", len(data))
    return True


def test_metadata_is_read(tmp_path: Path) -> None:
    """It has the normalized name, version, license and requirements."""
    path = wheel(tmp_path, "Some.Thing", "1.5", requires=["a>1", 'b; sys_platform == "win32"'])
    found = Wheel.read(path)
    assert (found.name, found.version, found.license) == ("some-thing", "1.5", "MIT")
    assert found.requires == ("a>1", 'b; sys_platform == "win32"')
    assert record_is_right(path)


def test_metadata_of_a_vendored_package_is_not_the_wheels(tmp_path: Path) -> None:
    """Only the .dist-info folder at the top counts, also where another one comes first in the archive."""
    vendored = {"aa/_vendor/b-9.dist-info/METADATA": b"Metadata-Version: 2.4\nName: b\nVersion: 9\n"}
    found = Wheel.read(wheel(tmp_path, "zz", "1.5", members=vendored))
    assert (found.name, found.version, found.info) == ("zz", "1.5", "zz-1.5.dist-info")


@pytest.mark.parametrize(
    ("facts", "license"),
    [
        (["License: BSD"], "BSD"),
        (["License: " + "long " * 40, "Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        (["License: UNKNOWN", "Classifier: License :: OSI Approved :: ISC License"], "ISC License"),
        (["License-Expression: MIT", "License: other"], "MIT"),
        ([], "unknown"),
    ],
)
def test_license_is_found_in_the_metadata(tmp_path: Path, facts: list[str], license: str) -> None:
    """The license expression comes first, then a short text, then the classifiers."""
    assert Wheel.read(wheel(tmp_path, "a", facts=facts)).license == license


def test_written_wheel_is_reproducible(tmp_path: Path) -> None:
    """The bytes depend neither on the order of members nor on the time; the executable bit is kept."""
    members = {"a/x.py": b"1", "a-1.dist-info/METADATA": b"", "a/run": b"2"}
    write(tmp_path / "one.whl", "a-1.dist-info", members, ["a/run"])
    write(tmp_path / "two.whl", "a-1.dist-info", dict(reversed(members.items())), ["a/run"])
    assert (tmp_path / "one.whl").read_bytes() == (tmp_path / "two.whl").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.whl") as archive:
        assert archive.namelist()[-1] == "a-1.dist-info/RECORD"
        assert archive.getinfo("a/run").external_attr >> 16 & 0o777 == 0o755
        assert archive.getinfo("a/x.py").external_attr >> 16 & 0o777 == 0o644


@pytest.mark.parametrize("data", [b"", b"no zip", None])
def test_other_files_are_refused(tmp_path: Path, data: bytes | None) -> None:
    """A damaged file or a zip without metadata is an error of one line that names the file."""
    path = tmp_path / "a-1-py3-none-any.whl"
    if data is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.py", "")
    else:
        path.write_bytes(data)
    with pytest.raises(UserError, match="a-1-py3-none-any.whl: not a wheel"):
        Wheel.read(path)
