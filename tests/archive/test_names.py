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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_of_powershell(encoding: str, tmp_path: Path) -> None:
    """UTF-16 with a byte order mark, which is what `dir -name > list.txt` writes on Windows."""
    file = tmp_path / "list.txt"
    file.write_bytes("\ufeffa.jpg\r\nMüller 2.jpg\r\n".encode(encoding))
    assert names.read(file) == ["a.jpg", "Müller 2.jpg"]
    file.write_bytes(b"\xff\xfea\0\0\xd8")
    with pytest.raises(UserError, match=r"list\.txt: is not a text"):
        names.read(file)


def test_lines_that_end_in_carriage_returns(tmp_path: Path) -> None:
    """A list without a line feed is that of a spreadsheet that ends lines as old systems did."""
    (tmp_path / "list.txt").write_bytes(b"a.jpg\rb.jpg\r")
    assert names.read(tmp_path / "list.txt") == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="Windows resolves `..` before links")
def test_a_name_leads_to_the_file_that_the_system_finds(tmp_path: Path) -> None:
    """`link/../a.jpg` is next to where the link leads to, and not next to the link."""
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    (tmp_path / "far" / "a.jpg").touch()
    (tmp_path / "list.txt").write_text(f"{tmp_path}/link/../a.jpg\n")
    (name,) = names.read(tmp_path / "list.txt")
    assert Path(name).samefile(tmp_path / "far" / "a.jpg")


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
def test_parquet_in_parts(tmp_path: Path) -> None:
    """A folder as Spark, Dask and Ray write it, read in the order of the names; what is no part is left out."""
    top = tmp_path / "list.parquet"
    (top / "day=2").mkdir(parents=True)
    save_parquet(top / "part-1.parquet", path=["b.jpg"])
    save_parquet(top / "part-0.parquet", path=["a.jpg"])
    save_parquet(top / "day=2" / "part-0.parquet", path=["c.jpg", ""])
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_metadata.parquet"):
        (top / name).write_bytes(b"no list")
    assert names.read(top) == ["c.jpg", "a.jpg", "b.jpg"]
    (tmp_path / "empty.parquet").mkdir()
    with pytest.raises(UserError, match=r"empty\.parquet: lists no image"):
        names.read(tmp_path / "empty.parquet")


@needs_pyarrow
def test_parquet_without_names(tmp_path: Path) -> None:
    """Another file, another column or another type is an error in one line."""
    import pyarrow as pa
    from pyarrow import parquet

    with pytest.raises(UserError, match=r"has no column path \(its columns: name\)"):
        names.read(save_parquet(tmp_path / "a.parquet", name=["a.jpg"]))
    with pytest.raises(UserError, match="values that are not text"):
        names.read(save_parquet(tmp_path / "b.parquet", path=[1]))
    twice = pa.table([["a.jpg"], ["b.jpg"]], names=["path", "path"])
    parquet.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(UserError, match=r"twice.parquet: cannot be read as Parquet: .*path.* 2 times"):
        names.read(tmp_path / "twice.parquet")
    (tmp_path / "c.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match="c.parquet: cannot be read as Parquet"):
        names.read(tmp_path / "c.parquet")
