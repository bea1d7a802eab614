"""Lists of images: text and Parquet, and what is refused."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgewbc.archive import names
from edgewbc.errors import UserError
from tests.tiny import encode, make_image

needs_pyarrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed (extra archive)")


def save_parquet(to: Path, /, **columns: list[Any]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), to)
    return to


def test_text(tmp_path: Path) -> None:
    """A name on each line, with any line end; empty lines are left out, and spaces belong to names."""
    file = tmp_path / "list.txt"
    file.write_bytes(b"\xef\xbb\xbfa.jpg\r\n\n./b//c .jpg\nd\xff.jpg")
    assert names.read(file) == ["a.jpg", os.path.normpath("b/c .jpg"), os.fsdecode(b"d\xff.jpg")]


def test_urls_must_be_asked_for(tmp_path: Path) -> None:
    """A list that somebody else wrote does not lead to the network by itself."""
    file = tmp_path / "list.txt"
    file.write_text("a.jpg\ns3://bucket/b//c.jpg\n")
    with pytest.raises(UserError, match=r"list.txt: s3://bucket/b//c.jpg is a URL: add --urls"):
        names.read(file)
    assert names.read(file, urls=True) == ["a.jpg", "s3://bucket/b//c.jpg"]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_empty(content: bytes, tmp_path: Path) -> None:
    """A list without a name is an error, rather than a run without a result."""
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UserError, match="lists no image"):
        names.read(tmp_path / "list.txt")


def test_an_image_is_no_list(tmp_path: Path) -> None:
    """Its bytes are not taken for names of files that are missing."""
    (tmp_path / "a.png").write_bytes(encode(make_image(1)))
    with pytest.raises(UserError, match=r"a\.png: is not a text: .*without --list"):
        names.read(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["list.txt", pytest.param("list.parquet", marks=needs_pyarrow)])
def test_missing(tmp_path: Path, name: str) -> None:
    """A list that is not there is an error in one line."""
    with pytest.raises(UserError, match=f"{name}: cannot be read: No such file or directory$"):
        names.read(tmp_path / name)


@needs_pyarrow
def test_parquet(tmp_path: Path) -> None:
    """The column `path` is read."""
    assert names.read(save_parquet(tmp_path / "a.parquet", other=[1, 2], path=["a.jpg", "b.jpg"])) == ["a.jpg", "b.jpg"]


@needs_pyarrow
def test_parquet_without_names(tmp_path: Path) -> None:
    """Another file, another column or another type is an error in one line."""
    with pytest.raises(UserError, match=r"has no column path \(its columns: name\)"):
        names.read(save_parquet(tmp_path / "a.parquet", name=["a.jpg"]))
    with pytest.raises(UserError, match="values that are not text"):
        names.read(save_parquet(tmp_path / "b.parquet", path=[1]))
    (tmp_path / "c.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match="c.parquet: cannot be read as Parquet"):
        names.read(tmp_path / "c.parquet")
