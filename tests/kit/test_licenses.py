"""Tests of edgewbc.kit.licenses."""

from __future__ import annotations

import csv
from pathlib import Path

from edgewbc.kit.licenses import gather
from edgewbc.kit.slim import Slimmed
from edgewbc.kit.wheel import Wheel
from tests.kit.fake import wheel


def test_license_texts_and_list(tmp_path: Path) -> None:
    """License files of metadata and package are copied once each, METADATA if there are none; all are listed."""
    members = {
        "a-1.0.dist-info/licenses/LICENSE": b"text",
        "a-1.0.dist-info/licenses/parts/tbb.txt": b"tbb",
        "a/LICENSE.txt": b"text",
        "a/_vendor/COPYING": b"vendored",
        "a/license.py": b"code",
        "a/readme.txt": b"no license",
    }
    full = Slimmed(Wheel.read(wheel(tmp_path, "a", "1.0", members=members)), "x", ("a/libs/gpu.so",))
    bare = Slimmed(Wheel.read(wheel(tmp_path, "b", "2.0", facts=["License: BSD"])), "x", ())
    rows = gather([bare, full], tmp_path / "out")
    found = {f.relative_to(tmp_path / "out").as_posix(): f for f in (tmp_path / "out").rglob("*") if f.is_file()}
    assert set(found) == {
        "LICENSES.csv",
        "a-1.0/LICENSE",
        "a-1.0/parts/tbb.txt",
        "a-1.0/a/_vendor/COPYING",
        "b-2.0/METADATA",
    }
    assert found["a-1.0/LICENSE"].read_bytes() == b"text"
    assert [(row.name, row.license, row.texts, row.without) for row in rows] == [
        ("a", "MIT", 3, "gpu.so"),
        ("b", "BSD", 1, ""),
    ]
    with found["LICENSES.csv"].open(newline="") as file:
        assert [row["wheel"] for row in csv.DictReader(file)] == ["a-1.0-py3-none-any.whl", "b-2.0-py3-none-any.whl"]
