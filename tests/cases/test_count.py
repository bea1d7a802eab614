"""Counting a slide: order, duplicates, cut-off cells, the number asked for, and resuming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases import count as case_count
from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.count import CountRequest, in_order
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.lab.cell_crops import BEYOND
from edgewbc.lab.results import Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import PixelSpec, Reference, cut
from edgewbc.smear.gauge import observe
from edgewbc.smear.learning import summarize
from edgewbc.synth.cells import draw_field
from edgewbc.synth.smear import Slide
from tests.tiny import encode, make_bundle, make_image

Count = Callable[..., Case]


@pytest.fixture(scope="module")
def slide() -> dict[str, bytes]:
    """Three fields of one slide, of which the second overlaps the first; and a copy of the first."""
    slide = Slide.draw(np.random.default_rng(5))
    labels = ["neutrophil", "lymphocyte", "monocyte", "neutrophil", "eosinophil"]
    strip, _ = draw_field(np.random.default_rng(1), labels, 360, 800, slide)
    third, _ = draw_field(np.random.default_rng(2), labels[:2], 360, 480, slide)
    noise = np.random.default_rng(3).normal(0, 1.5, (360, 480, 3))
    second = np.clip(strip[:, 320:] + noise, 0, 255).astype(np.uint8)
    first = encode(strip[:, :480])
    return {"field-2.png": first, "field-10.png": encode(second), "field-11.png": first, "field-12.png": encode(third)}


@pytest.fixture(scope="module")
def by_cell(tmp_path_factory: pytest.TempPathFactory, slide: dict[str, bytes]) -> Bundle:
    """A bundle that locates cells, whose reference is the microscope of the slide."""
    seen = [observe(decode(data).image) for data in slide.values()]
    found = summarize(seen)
    assert found is not None
    reference = Reference(found.nucleus, found.background, found.density)
    spec = PixelSpec(24, 24, crop="cell", size=150, reference=reference)
    return make_bundle(tmp_path_factory.mktemp("cell") / "tiny", spec=spec)


@pytest.fixture
def images(tmp_path: Path, slide: dict[str, bytes]) -> Path:
    folder = tmp_path / "slide"
    folder.mkdir()
    for name, data in slide.items():
        (folder / name).write_bytes(data)
    return folder


def count(images: Path, to: Path, bundle: Bundle, **options: object) -> Case:
    """Count a folder with thresholds that leave no label for review."""
    request = CountRequest([images], to, thresholds=ReviewThresholds(0.0), threads=1, **options)  # type: ignore[arg-type]
    return case_count.run(request, lambda: bundle, say=lambda line: None)


def test_a_slide_is_counted_once(images: Path, tmp_path: Path, by_cell: Bundle) -> None:
    (images / "field-9.png").write_bytes(b"no image")
    case = count(images, tmp_path / "case", by_cell, wbc=5.5, by="Ada", case="S-17")
    cells = case.cells()
    assert [cell.order for cell in cells] == list(range(1, len(cells) + 1))
    names = list(dict.fromkeys(cell.image.name for cell in cells))
    assert names == ["field-2.png", "field-9.png", "field-10.png", "field-11.png", "field-12.png"]
    assert (case.info.case, case.info.wbc, case.info.by, case.index.images) == ("S-17", 5.5, "Ada", 5)
    of = {name: [cell for cell in cells if cell.image.name == name] for name in names}
    (broken,) = of["field-9.png"]
    assert (broken.status, broken.crop, broken.open) == (Status.ERROR, None, True)
    first = of["field-2.png"]
    assert [cell.box[1] for cell in first if cell.box] == sorted(cell.box[1] for cell in first if cell.box)
    assert {cell.excluded for cell in of["field-11.png"]} == {Exclusion.SAME_IMAGE}
    assert [cell.duplicate_of for cell in of["field-11.png"]] == [cell.id for cell in first]
    again = [cell for cell in of["field-10.png"] if cell.excluded == Exclusion.OVERLAP]
    assert again, "no cell of the overlap was recognized"
    for cell in again:
        twin = case.cell(cell.duplicate_of)
        assert twin.image.name == "field-2.png"
        assert twin.box is not None
        assert cell.box is not None
        assert abs(twin.box[0] - cell.box[0] - 320) < 8
        assert abs(twin.box[1] - cell.box[1]) < 8
    for cell in cells:
        if cell.crop is not None and cell.window is not None:
            shown = decode(cell.crop.read_bytes()).image
            assert shown.shape[:2] == (cell.window[3], cell.window[2])
            original = decode(cell.image.read_bytes()).image
            part = cut(original, cell.window, shown.shape[0], shown.shape[1], BEYOND)
            assert np.abs(shown.astype(int) - part).mean() < 3


def test_counting_stops_at_the_number_asked_for(images: Path, tmp_path: Path, by_cell: Bundle) -> None:
    case = count(images, tmp_path / "case", by_cell, cells=2)
    countable = [cell for cell in case.cells() if cell.excluded is None]
    assert len(countable) == 2
    assert case.index.not_counted == 3
    more = count(images, tmp_path / "case", by_cell)
    assert [cell.id for cell in more.cells()][:2] == [cell.id for cell in case.cells()][:2]
    assert more.index.not_counted == 0


def test_a_repeated_count_gives_the_same_case_and_keeps_decisions(
    images: Path, tmp_path: Path, by_cell: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = count(images, tmp_path / "case", by_cell)
    with Case.open(tmp_path / "case") as opened:
        opened.decide(1, "blast", "Ada")
    lines: list[str] = []
    request = CountRequest([images], tmp_path / "case", thresholds=ReviewThresholds(0.0), threads=1, wbc=3.3)
    after = case_count.run(request, lambda: by_cell, say=lines.append)
    assert lines[-1] == "resuming: 4 of 4 images are in the case"
    assert after.index == before.index
    assert (after.cell(1).decided, after.info.wbc, after.info.created) == ("blast", 3.3, before.info.created)


def test_cells_that_a_second_count_leaves_out_cannot_be_undone(tmp_path: Path, bundle: Bundle) -> None:
    images = tmp_path / "single"
    images.mkdir()
    for number in range(3):
        (images / f"{number}.png").write_bytes(encode(make_image(number)))
    last = count(images, tmp_path / "case", bundle).cells()[-1].id
    with Case.open(tmp_path / "case") as opened:
        opened.decide(1, "blast", "Ada")
        opened.decide(last, "blast", "Ada")
    assert len(count(images, tmp_path / "case", bundle, cells=2).cells()) == 2
    with Case.open(tmp_path / "case") as opened:
        assert opened.can_undo
        assert [each.id for each in opened.undo("Ada")] == [1]
        assert not opened.can_undo
        assert opened.undo("Ada") == []
        assert len(opened.decisions) == 3


@pytest.mark.parametrize("left", ["crops", "case.journal.lock"])
def test_a_count_that_was_killed_at_once_can_be_repeated(left: str, tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "1.png").write_bytes(encode(make_image()))
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / left).mkdir() if left == "crops" else (tmp_path / "case" / left).write_text("{}")
    if left == "crops":
        assert len(count(tmp_path / "single", tmp_path / "case", bundle).cells()) == 1
    else:
        request = CountRequest([tmp_path / "single"], tmp_path / "case")
        assert case_count._check_folder(request) is None


def test_crops_of_someone_else_are_not_overwritten(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "1.png").write_bytes(encode(make_image()))
    (tmp_path / "case" / "crops").mkdir(parents=True)
    (tmp_path / "case" / "crops" / "000001.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="is not empty and holds no case"):
        count(tmp_path / "single", tmp_path / "case", bundle)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"wbc": 0.0}, "a WBC of 0"),
        ({"wbc": -1.0}, "a WBC of -1"),
        ({"wbc": float("nan")}, "a WBC of nan"),
        ({"wbc": float("inf")}, "a WBC of inf"),
        ({"case": ""}, "the case id is empty"),
        ({"case": "  "}, "the case id is empty"),
        ({"case": "a\nb"}, "control characters"),
    ],
)
def test_details_that_cannot_be_used(options: dict[str, object], problem: str, tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "1.png").write_bytes(encode(make_image()))
    with pytest.raises(UserError, match=problem):
        count(tmp_path / "single", tmp_path / "case", bundle, **options)
    assert not (tmp_path / "case").exists()


def test_an_interrupted_count_is_resumed(
    images: Path, tmp_path: Path, by_cell: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = count(images, tmp_path / "whole", by_cell)
    add = case_count._Count._add

    def stop(self: case_count._Count, name: str) -> None:
        if name.endswith("field-11.png"):
            raise KeyboardInterrupt
        add(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(case_count._Count, "_add", stop)
        with pytest.raises(KeyboardInterrupt):
            count(images, tmp_path / "case", by_cell)
    with pytest.raises(UserError, match="counting was interrupted: run the same"):
        Case.read(tmp_path / "case")
    assert count(images, tmp_path / "case", by_cell).index == whole.index


def test_images_of_single_cells_make_a_case_too(tmp_path: Path, bundle: Bundle) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode(make_image(seed)))
    (folder / "9.png").write_bytes(encode(make_image(1)))
    case = count(folder, tmp_path / "case", bundle)
    assert [cell.excluded for cell in case.cells()] == [None] * 4 + [Exclusion.SAME_IMAGE]
    with Case.open(tmp_path / "case") as opened:
        for cell in opened.open_cells:
            opened.decide(cell.id, "other", "Ada")
        opened.sign_off("Ada")
    with pytest.raises(UserError, match="was signed by Ada .* count into another folder with --to"):
        count(folder, tmp_path / "case", bundle)


def test_what_cannot_be_counted_is_refused(tmp_path: Path, bundle: Bundle, images: Path) -> None:
    with pytest.raises(UserError, match="is inside of"):
        count(images, images / "case", bundle)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    with pytest.raises(UserError, match="is not empty and holds no case"):
        count(images, tmp_path / "notes", bundle)
    for options, match in (
        ({"wbc": 0.0}, "a WBC of 0"),
        ({"wbc": float("nan")}, "a WBC of nan"),
        ({"case": "x\ny"}, "the case id"),
        ({"by": "x" * 201}, "too long"),
    ):
        with pytest.raises(UserError, match=match):
            count(images, tmp_path / "case", bundle, **options)
    assert not (tmp_path / "case").exists()


@settings(max_examples=40)
@given(st.lists(st.text("af1029./ü\udc80", max_size=6), max_size=6, unique=True))
def test_the_order_of_images_does_not_depend_on_the_order_of_the_folder(names: list[str]) -> None:
    assert in_order(names[::-1]) == in_order(sorted(names)) == in_order(names)
    assert sorted(in_order(names)) == sorted(names)


def test_numbers_in_names_are_compared_by_value() -> None:
    assert in_order(["f10/a2", "f9/a10", "f9/a2", "f9/a02"]) == ["f9/a02", "f9/a2", "f9/a10", "f10/a2"]
