"""Tests of `edgewbc.data.manifest`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from edgewbc.data.manifest import COLUMNS, Entry, Manifest, Protocol, Provenance, Split
from edgewbc.data.sources import make
from edgewbc.errors import UserError


@pytest.fixture
def written(slides: Path, tmp_path: Path) -> Path:
    """A manifest on disk."""
    make("folder", slides).write(tmp_path / "m")
    return tmp_path / "m"


def rewrite(folder: Path, text: str) -> None:
    """Replace the rows of a manifest and update its hash."""
    (folder / "manifest.csv").write_text(text)
    facts = json.loads((folder / "manifest.json").read_text())
    facts["csv_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(facts))


def test_round_trip(written: Path, slides: Path) -> None:
    """Reading the folder or either file gives the manifest that was written; its hash is that of the CSV."""
    made = make("folder", slides)
    for path in (written, written / "manifest.csv", written / "manifest.json"):
        read = Manifest.read(path)
        assert read.entries == made.entries
        assert (read.sha256, read.protocol, read.classes, read.provenance) == (
            made.sha256,
            made.protocol,
            made.classes,
            made.provenance,
        )
    assert made.sha256 == hashlib.sha256((written / "manifest.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ['Zellen, "neu"/ä b.png', "a\rb.png", "a\r\nb.png", "\x1b[31m.png"])
def test_keeps_boxes_and_odd_names(tmp_path: Path, name: str) -> None:
    """Boxes, and commas, quotes, umlauts and control characters in a path survive the CSV."""
    entry = Entry(name, "neutrophil", "g,1", Split.TEST, "0" * 64, (1.5, 2.0, 30.25, 40.0))
    (tmp_path / "images").mkdir()
    Manifest(tmp_path / "images", (entry,), ("neutrophil",), Protocol.EXTERNAL).write(tmp_path / "m")
    assert Manifest.read(tmp_path / "m").entries == (entry,)


def test_writing_again(written: Path, slides: Path) -> None:
    """The same manifest may be written again; another manifest does not replace it, and a file is not a folder."""
    make("folder", slides).write(written)
    with pytest.raises(UserError, match="already holds another manifest"):
        make("folder", slides, seed=5).write(written)
    with pytest.raises(UserError, match="is a file"):
        make("folder", slides).write(written / "manifest.csv")


def test_images_moved_with_the_manifest(written: Path, slides: Path, tmp_path: Path) -> None:
    """A manifest that was moved together with its images still finds them."""
    (tmp_path / "new").mkdir()
    shutil.move(slides, tmp_path / "new" / "images")
    shutil.move(written, tmp_path / "new" / "m")
    read = Manifest.read(tmp_path / "new" / "m")
    assert read.root == tmp_path / "new" / "images"
    assert len(read.read_bytes(read.entries[0])) > 0


def test_missing_images_folder(written: Path, slides: Path) -> None:
    """A missing images folder is an error of one line."""
    slides.rename(slides.with_name("elsewhere"))
    with pytest.raises(UserError, match="are no longer here: recreate the manifest"):
        Manifest.read(written)


def test_missing_or_edited(written: Path, tmp_path: Path) -> None:
    """Errors for a missing manifest, an edited CSV, a missing manifest.json and another format name the file."""
    with pytest.raises(UserError, match="not a manifest"):
        Manifest.read(tmp_path / "nothing")
    facts = written / "manifest.json"
    text = facts.read_text()
    facts.write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(UserError, match="format 99"):
        Manifest.read(written)
    facts.write_text("[]")
    with pytest.raises(UserError, match="not the description of a manifest"):
        Manifest.read(written)
    facts.unlink()
    with pytest.raises(UserError, match=r"manifest\.json: no such file"):
        Manifest.read(written)
    facts.write_text(text)
    table = written / "manifest.csv"
    table.write_text(table.read_text().replace("lymphocyte", "monocyte", 1))
    with pytest.raises(UserError, match=r"manifest\.csv: was edited"):
        Manifest.read(written)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../secret.png,neutrophil,g,test,00,", r"line 2: \.\./secret\.png is outside"),
        ("/etc/passwd,neutrophil,g,test,00,", "is outside"),
        ("a.png,neutrophil,g,holdout,00,", "split 'holdout'"),
        ("a.png,neutrophil,g,test,00,1 2 x 4", "box '1 2 x 4'"),
        ("a.png,neutrophil,g,test,00,1 2", "box '1 2'"),
    ],
)
def test_rows_that_are_refused(written: Path, row: str, message: str) -> None:
    """Paths outside the folder, unknown splits and malformed boxes are errors that name the line."""
    rewrite(written, f"{','.join(COLUMNS)}\n{row}\n")
    with pytest.raises(UserError, match=message):
        Manifest.read(written)


def test_columns_that_are_refused(written: Path) -> None:
    """A different header is refused."""
    rewrite(written, "path,label\n")
    with pytest.raises(UserError, match="the first line must be path,label,group,split,sha256,box"):
        Manifest.read(written)


def test_split(slides: Path) -> None:
    """Returns the entries of a split; an unknown or empty split is an error of one line."""
    manifest = make("folder", slides, protocol="external")
    assert len(manifest.split("test")) == 24
    with pytest.raises(UserError, match="has no train images"):
        manifest.split("train")
    with pytest.raises(UserError, match="use one of train, val, test"):
        manifest.split("dev")


def test_changed_and_missing_images(slides: Path) -> None:
    """The bytes of an image are returned only if they have the hash of the manifest."""
    manifest = make("folder", slides)
    first, second = manifest.entries[:2]
    manifest.file(first).write_bytes(b"other")
    manifest.file(second).unlink()
    with pytest.raises(UserError, match="changed since the manifest was made"):
        manifest.read_bytes(first)
    with pytest.raises(UserError, match="cannot be read"):
        manifest.read_bytes(second)


def test_the_license_of_an_older_manifest_is_read() -> None:
    """It was called `licence` until 0.1."""
    assert Provenance.from_json({"licence": "CC0"}).license == "CC0"
    assert Provenance.from_json(Provenance(license="MIT").to_json()).license == "MIT"
