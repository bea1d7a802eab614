"""Tests of `edgewbc.data.sources.scan`."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgewbc.data.sources.scan import (
    Cell,
    group_copies,
    hash_images,
    images_below,
    normalize_label,
    read_rows,
    require_folder,
    spelled,
)
from edgewbc.errors import UserError
from tests.data.conftest import Put, write_csv


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in images_below(folder).paths]


def test_images_below_sorts_by_path_and_skips_hidden_files(put: Put, image_folder: Path) -> None:
    """Image files of any letter case are returned by path; hidden files and folders are skipped."""
    for path in ("b/2.PNG", "b/1.png", "a.jpg", ".thumbs/3.png", "b/.4.png"):
        put(path)
    assert names(image_folder) == ["a.jpg", "b/1.png", "b/2.PNG"]


def test_images_below_counts_other_files_by_extension(put: Put, image_folder: Path) -> None:
    """JPEG files named .jfif and .jpe are images; other files are counted, those of the system are not."""
    put("a.png").rename(image_folder / "a.jfif")
    put("b.png").rename(image_folder / "b.JPE")
    for name in ("x.heic", "y.HEIC", "z.dcm", "README", "Thumbs.db", "desktop.ini", "__MACOSX/._a.jpg"):
        (image_folder / name).parent.mkdir(exist_ok=True)
        (image_folder / name).write_bytes(b"x")
    assert names(image_folder) == ["a.jfif", "b.JPE"]
    assert images_below(image_folder).left_out == {
        "not a supported image format (.heic)": 2,
        "not a supported image format (.dcm)": 1,
        "not a supported image format (no extension)": 1,
    }


def test_images_below_follows_links_but_not_in_circles(put: Put, image_folder: Path, tmp_path: Path) -> None:
    """A linked folder is searched, also when it is linked twice; a link back to an enclosing folder is not."""
    put("here/a.png")
    (tmp_path / "archive/slide").mkdir(parents=True)
    put("b.png").rename(tmp_path / "archive/slide/b.png")
    for name in ("here/one", "two"):
        (image_folder / name).symlink_to(tmp_path / "archive", target_is_directory=True)
    (image_folder / "here/back").symlink_to(image_folder, target_is_directory=True)
    (tmp_path / "archive/up").symlink_to(tmp_path, target_is_directory=True)
    found = names(image_folder)
    assert found[:2] == ["here/a.png", "here/one/slide/b.png"]
    assert "two/slide/b.png" in found
    assert not any(name.startswith("here/back") for name in found)
    assert len(found) == len(set(found)) < 20


def test_hash_images_reads_each_image_once(put: Put, image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells of one image get the hash of its bytes from one reading; a missing image is named."""
    file = put("a.png")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    read: list[Path] = []
    original = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        read.append(path)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    done = hash_images(image_folder, [Cell("a.png", "x"), Cell("a.png", "y")], Counter())
    assert [cell.sha256 for cell in done] == [digest] * 2
    assert len(read) == 1
    with pytest.raises(UserError, match=r"b\.png: cannot be read"):
        hash_images(image_folder, [Cell("b.png", "x")], Counter())


def test_hash_images_leaves_out_what_is_no_image(put: Put, image_folder: Path) -> None:
    """Empty files and files with another header are counted, each once, with the reason."""
    put("good.png")
    put("empty.png").write_bytes(b"")
    put("text.jpg").write_bytes(b"no image")
    left_out: Counter[str] = Counter()
    cells = [Cell(path, "x") for path in ("good.png", "empty.png", "empty.png", "text.jpg")]
    assert [cell.path for cell in hash_images(image_folder, cells, left_out)] == ["good.png"]
    assert left_out.pop("not a readable image (empty file)") == 1
    ((reason, number),) = left_out.items()
    assert reason.startswith("not a readable image (not a")
    assert number == 1


def test_hash_images_refuses_names_that_are_not_utf8(put: Put, image_folder: Path) -> None:
    """A Latin-1 name cannot be written into a manifest; the message shows it with its bytes escaped."""
    file = put("a.png")
    try:
        file.rename(image_folder / "zell\udce4.png")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system accepts only valid names")
    with pytest.raises(UserError, match=r"zell\\xe4\.png: the name is not valid UTF-8") as raised:
        hash_images(image_folder, [Cell("zell\udce4.png", "x")], Counter())
    str(raised.value).encode()


def test_group_copies_fills_in_missing_groups() -> None:
    """Copies get the path of the first one by name; existing groups are kept."""
    cells = [
        Cell("b", "x", sha256="1"),
        Cell("a", "x", sha256="1"),
        Cell("c", "x", "slide", "1"),
        Cell("d", "x", "", "2"),
    ]
    assert [cell.group for cell in group_copies(cells)] == ["a", "a", "slide", "d"]


@pytest.mark.parametrize("name", ["éosinophile", "e\u0301osinophile", " Éosinophile\t"])
def test_normalize_label(name: str) -> None:
    """Composed and decomposed accents, letter case and outer whitespace make no difference."""
    assert normalize_label(name) == "\u00e9osinophile"


def test_names_are_spelled_as_the_source_spells_them_most_often() -> None:
    """Cell types that a differential knows are in lower case; a label without a name is its own."""
    written = ["Seg", "SEG", "seg", "Seg", " NRBC ", "Neutrophil", "e\u0301os", "b", "B"]
    cells = [Cell(str(place), normalize_label(name), name=name) for place, name in enumerate(written)]
    assert spelled([*cells, Cell("x", "smudge")]) == {
        "seg": "Seg", "nrbc": "NRBC", "neutrophil": "neutrophil", "\u00e9os": "\u00e9os", "b": "B", "smudge": "smudge",
    }  # fmt: skip


def test_read_rows_returns_the_requested_columns(tmp_path: Path) -> None:
    """Values are stripped; a byte order mark and other columns are ignored; an error names the file."""
    table = tmp_path / "t.csv"
    write_csv(table, ["\ufeffpath,label,note", " a.png , monocyte ,x"])
    assert read_rows(table, ("path", "label")) == [{"path": "a.png", "label": "monocyte"}]
    table.write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(UserError, match=r"t\.csv: cannot be read as CSV"):
        read_rows(table, ("path", "label"))


def test_require_folder_names_the_expected_contents(tmp_path: Path) -> None:
    """A folder is returned; a missing folder and a file are refused."""
    assert require_folder(tmp_path, "images") == tmp_path
    with pytest.raises(UserError, match="no such folder; expected images"):
        require_folder(tmp_path / "x", "images")
    (tmp_path / "y").write_text("")
    with pytest.raises(UserError, match="not a folder; expected images"):
        require_folder(tmp_path / "y", "images")


def test_boxes_must_show_something_of_their_image(put: Put, image_folder: Path) -> None:
    """A box may reach beyond the image, but needs a pixel of it; sizes are those of the image as it is shown."""
    path = put("a.png")
    height, width = np.asarray(cv2.imread(str(path))).shape[:2]
    inside = [(0.0, 0.0, width, height), (-5.0, -5.0, 6.0, 6.0), (width - 1.0, height - 1.0, 99.0, 99.0)]
    cells = [Cell("a.png", "x", box=box) for box in inside]
    assert len(hash_images(image_folder, cells, Counter())) == 3
    for box in ((-5.0, 0.0, 5.0, 5.0), (width, 0.0, 5.0, 5.0), (0.0, height, 5.0, 5.0), (0.0, 0.0, float("inf"), 5.0)):
        with pytest.raises(UserError, match=f"is outside of the image of {width} x {height} pixels: correct it"):
            hash_images(image_folder, [Cell("a.png", "x", box=box)], Counter())
