"""Tests of `edgewbc.report.contact_sheet`."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgewbc.data.label_audit import LabelAudit
from edgewbc.data.manifest import Manifest, Protocol
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.pixels import PixelSpec
from edgewbc.report import contact_sheet
from tests.data.test_label_audit import audited
from tests.tiny import encode, make_image


def on_disk(folder: Path, n: int = 3) -> LabelAudit:
    """A finished audit with its images; the first cell has no box, the others have boxes at 1, 2."""
    found = audited(folder, n=n)
    folder.mkdir()
    cells = []
    for cell in found.judgment.cells:
        data = encode(make_image(cell.rank, 60, 50))
        (folder / cell.entry.path).write_bytes(data)
        cells.append(replace(cell, entry=replace(cell.entry, sha256=sha256(data).hexdigest())))
    return replace(found, judgment=replace(found.judgment, cells=tuple(cells)))


def test_the_folder_has_three_files(tmp_path: Path) -> None:
    """The CSV, the page and the PNG; a folder that is not empty is an error, and no partial file is left."""
    found = on_disk(tmp_path / "p")
    contact_sheet.write(found, tmp_path / "o")
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["labels.csv", "sheet.html", "sheet.png"]
    assert (tmp_path / "o/labels.csv").read_text() == found.to_csv()
    with pytest.raises(UserError, match="o: exists already and is not overwritten: give another --to"):
        contact_sheet.write(found, tmp_path / "o")
    (tmp_path / "p/1.png").unlink()
    with pytest.raises(UserError, match=r"1\.png"):
        contact_sheet.write(found, tmp_path / "q")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o", "p"]


def test_the_page_stands_alone(tmp_path: Path) -> None:
    """No external reference and no script; every cell has its image and its text, in order."""
    found = on_disk(tmp_path / "p")
    contact_sheet.write(found, tmp_path / "o")
    page = (tmp_path / "o" / contact_sheet.SHEET).read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href|action|data)\s*=\s*"([^"]*)"', page)
    assert len(sources) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"https?:|//\w|<script|<link|<iframe|@import|url\(", page)
    assert 'name="viewport"' in page
    assert "@media print" in page
    assert [int(n) for n in re.findall(r"<b>(\d+)\.", page)] == [1, 2, 3]
    assert "<b>1. monocyte &rarr; neutrophil</b><span>0.125 &rarr; 0.875</span><small>0.png, test</small>" in page
    assert "<b>2. monocyte</b><span>0.900 &rarr; 0.900, not flagged</span><small>1.png at 1,2, test</small>" in page
    seen = decode(base64.b64decode(sources[0].split(",")[1])).image
    assert seen.shape == (contact_sheet.SIDE, contact_sheet.SIDE, 3)
    whole = cv2.resize(make_image(1, 60, 50), (contact_sheet.SIDE, contact_sheet.SIDE), interpolation=cv2.INTER_LINEAR)
    assert np.abs(seen.astype(int) - whole).mean() < 4


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    """Text from the manifest is escaped, and text that is not ASCII does not prevent the PNG."""
    found = on_disk(tmp_path / "p")
    first = found.judgment.cells[0]
    odd = replace(first, given="<b>é", suggested="a&b", entry=replace(first.entry, path='x"><script>.png'))
    views = [make_image(0, contact_sheet.SIDE, contact_sheet.SIDE)]
    page = contact_sheet.html(found, [odd], views)
    assert "<script" not in page
    assert "&lt;b&gt;é &rarr; a&amp;b" in page
    assert contact_sheet.png([odd], views).dtype == np.uint8


def test_what_is_shown(tmp_path: Path) -> None:
    """All flagged cells up to the maximum, filled up to the minimum; the page says how many are shown."""
    found = on_disk(tmp_path / "p", 60)
    assert len(contact_sheet.shown(found)) == contact_sheet.MIN_CELLS
    cells = tuple(replace(cell, flagged=True) for cell in found.judgment.cells)
    flagged = replace(found, judgment=replace(found.judgment, cells=cells))
    assert len(contact_sheet.shown(flagged)) == 60
    many = replace(found, judgment=replace(found.judgment, cells=cells * 20))
    assert len(contact_sheet.shown(many)) == contact_sheet.MAX_CELLS
    views = [make_image(0, 8, 8)] * contact_sheet.MAX_CELLS
    assert "The first 600 of 1200 flagged cells are shown" in contact_sheet.html(many, contact_sheet.shown(many), views)


def test_the_png_is_a_grid(tmp_path: Path) -> None:
    """The images are in order of rank, on white, with text below."""
    found = on_disk(tmp_path / "p", 10)
    cells = found.judgment.cells
    views = contact_sheet.crops(found.manifest, cells, PixelSpec(8, 8))
    sheet = contact_sheet.png(cells, views)
    tall = contact_sheet.SIDE + contact_sheet.CAPTION + contact_sheet.GAP
    assert sheet.shape == (
        2 * tall + contact_sheet.GAP,
        8 * (contact_sheet.SIDE + contact_sheet.GAP) + contact_sheet.GAP,
        3,
    )
    top, left = contact_sheet.GAP + tall, contact_sheet.GAP + contact_sheet.SIDE + contact_sheet.GAP
    np.testing.assert_array_equal(sheet[top : top + contact_sheet.SIDE, left : left + contact_sheet.SIDE], views[9])
    assert (sheet[top + contact_sheet.SIDE : top + contact_sheet.SIDE + contact_sheet.CAPTION, left:] < 128).any()
    assert (sheet[top:, left + contact_sheet.SIDE + contact_sheet.GAP :] == 255).all()


def test_beyond_the_edge_is_white(tmp_path: Path) -> None:
    """Outside the image the view is white, where the network sees the repeated edge."""
    found = on_disk(tmp_path / "p", 2)
    (view,) = contact_sheet.crops(found.manifest, found.judgment.cells[1:], PixelSpec(8, 8, "box", scale=2))
    assert (view[:10, :10] == 255).all()
    assert (view[90, 90] < 255).any()
    inside = replace(found.judgment.cells[1], entry=replace(found.judgment.cells[1].entry, box=(20, 20, 10, 10)))
    manifest = Manifest(tmp_path / "p", (inside.entry,), found.manifest.classes, Protocol.GROUPED)
    (view,) = contact_sheet.crops(manifest, [inside], PixelSpec(8, 8, "box", scale=1))
    expected = cv2.resize(make_image(2, 60, 50)[20:30, 20:30], (160, 160), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(view, expected)


def test_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder is accepted; without a name, the first free one is used."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert contact_sheet.folder(tmp_path / "empty", "pbc") == tmp_path / "empty"
    contact_sheet.write(on_disk(tmp_path / "p"), tmp_path / "empty")
    assert contact_sheet.folder(None, "pbc") == Path("label-audits/pbc")
    Path("label-audits/pbc").mkdir(parents=True)
    assert contact_sheet.folder(None, "pbc") == Path("label-audits/pbc-2")
    with pytest.raises(UserError, match="exists already"):
        contact_sheet.folder(tmp_path / "p/0.png", "pbc")
