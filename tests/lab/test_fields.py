"""Fields of several cells, and images of one, through the lab side of a bundle with the crop `cell`."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import FORMAT
from edgewbc.cells import CLASSES
from edgewbc.images.decode import decode
from edgewbc.images.files import NOT_READ, Contents
from edgewbc.lab import journal as journal_module
from edgewbc.lab import pipeline
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.classify_request import ClassifyRequest
from edgewbc.lab.explain import Explainer
from edgewbc.lab.journal import Journal
from edgewbc.lab.journal_schema import checksum
from edgewbc.lab.resume import classify_into, pending
from edgewbc.lab.session import run
from edgewbc.lab.watch import watch
from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.reasons import CUT_OFF, NO_CELL
from edgewbc.smear import learning
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views
from edgewbc.synth.cells import draw_cell, draw_field
from edgewbc.synth.smear import Slide
from tests.tiny import encode, make_bundle

SLIDE = Slide.draw(np.random.default_rng(5))


@cache
def cell(seed: int) -> Image:
    """An image of one cell at the magnification of the fields, 150 x 150."""
    return draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 150, SLIDE)


@cache
def field(seed: int, cells: int = 3) -> Image:
    """A field of 480 x 640 with that many white cells."""
    labels = [CLASSES[(seed + number) % 5] for number in range(cells)]
    return draw_field(np.random.default_rng(seed), labels, 480, 640, SLIDE)[0]


def spec() -> PixelSpec:
    """A crop whose reference is the microscope that the images here are drawn for."""
    found = learning.learn([field(seed) for seed in range(100, 110)])
    assert found is not None
    return PixelSpec(24, 24, crop="cell", size=150, reference=Reference(found.nucleus, found.background, found.density))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("cell") / "tiny", spec=spec())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two fields of three and two cells, an image of one, an empty one and a broken one."""
    top = tmp_path / "smear"
    top.mkdir()
    images = {"a": field(1), "b": cell(2), "c": np.full((200, 300, 3), 236, np.uint8), "d": field(3, 2)}
    for name, image in images.items():
        (top / f"{name}.png").write_bytes(encode(image))
    (top / "e.png").write_bytes(b"not an image")
    return top


def rows_of(bundle: Bundle, folder: Path) -> list[Any]:
    return Classifier(bundle.path, threads=1).classify(sorted(folder.iterdir()))


def test_a_row_for_each_cell(bundle: Bundle, folder: Path) -> None:
    """Cells of a field are numbered from 1, the largest nucleus first; the one of an image is 0; all have boxes."""
    rows = rows_of(bundle, folder)
    assert [(Path(row.path).name, row.cell) for row in rows] == [
        *[("a.png", 1), ("a.png", 2), ("a.png", 3)],
        *[("b.png", 0), ("c.png", 0), ("d.png", 1), ("d.png", 2), ("e.png", 0)],
    ]
    assert [row.box is None for row in rows] == [False] * 4 + [True, False, False, True]
    _, boxes = draw_field(np.random.default_rng(1), [CLASSES[(1 + number) % 5] for number in range(3)], slide=SLIDE)
    for _, (left, top, width, height) in boxes:
        inside = [row for row in rows[:3] if left <= row.box[0] + row.box[2] / 2 <= left + width]
        assert any(top <= row.box[1] + row.box[3] / 2 <= top + height for row in inside)
    assert all(value == round(value) for row in rows if row.box for value in row.box)


def test_nothing_is_made_up_where_no_cell_is_located(bundle: Bundle, folder: Path) -> None:
    """Such an image is for review, without a label; the other rows have the label of the network."""
    rows = rows_of(bundle, folder)
    assert (str(rows[4].status), rows[4].label, rows[4].probability) == ("review", "", None)
    assert rows[4].reason == NO_CELL.text
    assert {row.label in CLASSES for row in rows[:4]} == {True}


def test_an_array_alone_has_the_rows_of_its_file(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    """A row for each cell of a field, one for an image of one cell, and one for an empty image; with views, too."""
    views = make_bundle(tmp_path / "views", spec=bundle.pixels, views=Views(4, (0.8, 1.25)).to_json(), format=3)
    for each in (bundle, views):
        classifier = Classifier(each.path, threads=1)
        for name in "abcd":
            path = folder / f"{name}.png"
            want = [row.under("image 0") for row in classifier.classify(path)]
            assert classifier.classify(decode(path.read_bytes()).image) == want, name


def test_a_cell_at_the_edge_is_for_review(bundle: Bundle) -> None:
    """Half of a nucleus is not a cell to count."""
    image = field(1, 1)
    (whole,) = Preparer(bundle.pixels).cells(image)
    assert whole.box is not None
    middle = int(whole.box[0] + whole.box[2] / 2)
    rows = Classifier(bundle.path, threads=1).classify(np.ascontiguousarray(image[:, middle:]))
    assert [(str(row.status), row.reason) for row in rows] == [("review", CUT_OFF.text)]
    assert rows[0].label


def test_the_lowest_probability_of_several_views_counts(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    """Of a bundle of an older version labels are those of the upright view; one that another doubts is for review."""
    views = Views(4, (0.8, 1.25))
    other = make_bundle(tmp_path / "views", spec=bundle.pixels, views=views.to_json(), format=3)
    single, several = rows_of(bundle, folder), rows_of(other, folder)
    assert [(row.path, row.cell, row.label, row.box, row.probabilities) for row in single] == [
        (row.path, row.cell, row.label, row.box, row.probabilities) for row in several
    ]
    engine = LoadedBundle.load(other, threads=1).engine
    lower = 0
    for seed, row in ((2, several[3]), (2, Classifier(other.path, threads=1).classify(cell(2))[0])):
        (prepared,) = Preparer(bundle.pixels, views=views).cells(cell(seed))
        assert len(prepared.others) == 5
        found = engine(np.stack([prepared.image, *prepared.others])).probabilities
        assert row.probability == pytest.approx(found[:, found[0].argmax()].min(), abs=1e-5)
        lower += row.probability < row.probabilities[row.label] - 1e-6
    assert lower == 2
    below = (several[3].probability + single[3].probability) / 2
    strict = Classifier(other.path, threads=1, review_below=below).classify(cell(2))
    assert (str(strict[0].status), str(strict[0].reason)[:11]) == ("review", "probability")
    assert str(Classifier(bundle.path, threads=1, review_below=below).classify(cell(2))[0].status) == "ok"
    assert LoadedBundle.load(other, threads=1).settings["views"] == {"turns": 4, "scales": [0.8, 1.25]}
    assert "views" not in LoadedBundle.load(bundle, threads=1).settings


def test_the_label_is_that_of_the_mean_of_all_views(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    """Where a bundle says so; how sure it is, is still what the least sure view says."""
    views = Views(4, (0.8, 1.25))
    entries: dict[str, Any] = {"views": views.to_json(), "label_from": "mean", "format": FORMAT}
    other = make_bundle(tmp_path / "mean", spec=bundle.pixels, **entries)
    rows = rows_of(other, folder)
    model = LoadedBundle.load(other, threads=1)
    changed = 0
    for path in ("a.png", "b.png", "d.png"):
        own = [row for row in rows if Path(row.path).name == path]
        prepared = Preparer(bundle.pixels, views=views).cells(decode((folder / path).read_bytes()).image)
        for row, each in zip(own, prepared, strict=True):
            found = model.engine(np.stack([each.image, *each.others])).probabilities
            mean = found.mean(0)
            assert row.label == bundle.classes[int(mean.argmax())]
            assert list(row.probabilities.values()) == pytest.approx(mean, abs=1e-5)
            assert row.probability == pytest.approx(found[:, mean.argmax()].min(), abs=1e-5)
            changed += not np.allclose(mean, found[0], atol=1e-3)
    assert changed
    assert model.settings["label_from"] == "mean"
    assert "label_from" not in LoadedBundle.load(bundle, threads=1).settings
    (shown,) = Explainer(other, threads=1).cells(cell(1))
    (row,) = Classifier(other.path, threads=1).classify(cell(1))
    assert shown.probabilities == pytest.approx(list(row.probabilities.values()), abs=1e-3)


def test_the_network_sees_each_cell_of_a_field(bundle: Bundle) -> None:
    """Results belong to their cells, whatever the size of a batch and however the cells of fields fill it."""
    images = [field(seed, 1 + seed % 4) for seed in range(6)] + [cell(1)]
    model = LoadedBundle.load(bundle, threads=1)
    prepared = [Preparer(bundle.pixels).cells(image) for image in images]
    wanted = model.engine(np.stack([each.image for cells in prepared for each in cells])).probabilities
    for batch in (1, 2, 5, 100):
        found = list(pipeline.run(model.engine, bundle.pixels, images, batch=batch))
        assert [len(result.cells) for result in found] == [len(cells) for cells in prepared]
        got = np.stack([each.probabilities for result in found for each in result.cells])
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_fields_do_not_blow_up_memory(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepared cells wait for the network in batches, however many cells the images of a group have."""
    model, most, now = LoadedBundle.load(bundle, threads=1), 0, 0
    lock = threading.Lock()
    cells, infer = Preparer.cells, pipeline._Worker._infer

    def prepare(self: Preparer, image: Image) -> Any:
        nonlocal most, now
        found = cells(self, image) * 10
        with lock:
            now += len(found)
            most = max(most, now)
        return found

    def run_network(self: Any, images: Any) -> Any:
        nonlocal now
        found = infer(self, images)
        with lock:
            now -= len(images)
        return found

    monkeypatch.setattr(Preparer, "cells", prepare)
    monkeypatch.setattr(pipeline._Worker, "_infer", run_network)
    data = encode(field(1))
    monkeypatch.setattr(pipeline, "_read", lambda path: Contents(data, "00", NOT_READ))
    found = list(pipeline.run(model.engine, bundle.pixels, [Path("a.png")] * 40, batch=4))
    assert [len(result.cells) for result in found] == [30] * 40
    assert now == 0
    assert most < pipeline.GROUP * 4 + 30


@pytest.mark.parametrize("jsonl", [False, True])
def test_tables_tell_cells_apart(bundle: Bundle, folder: Path, tmp_path: Path, jsonl: bool) -> None:
    """CSV has the columns cell and box, JSON Lines the members; the summary counts cells."""
    out = tmp_path / ("rows.jsonl" if jsonl else "rows.csv")
    summary = run(ClassifyRequest([folder], out, threads=1), lambda: bundle, open("/dev/null", "w"), say=lambda _: None)  # noqa: SIM115, PTH123
    assert summary.differential.total == 8
    rows = rows_of(bundle, folder)
    with out.open(encoding="utf-8", newline="") as file:
        if jsonl:
            found = [json.loads(line) for line in file]
            assert [(row.get("cell"), row.get("box")) for row in found] == [
                (row.cell, list(row.box)) if row.box else (None, None) for row in rows
            ]
        else:
            table = list(csv.DictReader(file))
            assert list(table[0])[-5:] == ["cell", "box", "status", "reason", "model_sha256"]
            assert [row["cell"] for row in table] == [str(row.cell) for row in rows]
            assert [row["box"] for row in table] == [
                " ".join(str(round(value)) for value in row.box) if row.box else "" for row in rows
            ]


def test_an_image_is_done_when_all_of_its_cells_are(
    bundle: Bundle, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends while a field is recorded has all of its cells or none, and classifies it when it is resumed."""
    model = LoadedBundle.load(bundle, threads=1)
    names = sorted(str(path) for path in folder.iterdir())
    with Journal(tmp_path / "j", model.settings) as journal:
        count = 0

        def killed(values: tuple[Any, ...]) -> str:
            nonlocal count
            count += 1
            if count == 2:  # the second cell of the first field
                raise KeyboardInterrupt
            return checksum(values)

        monkeypatch.setattr(journal_module, "checksum", killed)
        with pytest.raises(KeyboardInterrupt):
            list(classify_into(model, journal, names, batch=1))
    with Journal(tmp_path / "j", model.settings) as journal:
        assert pending(journal, names) == names
        assert [len(rows) for rows in classify_into(model, journal, names)] == [3, 1, 1, 2, 1]
        assert pending(journal, names) == []
        assert list(journal.rows(names)) == rows_of(bundle, folder)


def test_a_watched_folder_gives_all_cells(bundle: Bundle, folder: Path) -> None:
    """A field that is saved meanwhile gets its rows at once, in one reading."""
    model = LoadedBundle.load(bundle, threads=1)
    now = 0.0

    def clock() -> float:
        return now

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    steps: list[Callable[[], object]] = [lambda: None] * 4
    steps[1:1] = [lambda: (folder / "z.png").write_bytes(encode(field(9, 4)))]

    def step(_: object) -> bool:
        if steps:
            steps.pop(0)()
        return bool(steps) or now < 8

    with Journal(None, model.settings) as journal:
        found = {
            Path(rows[0].path).name: len(rows)
            for rows in watch(model, journal, [str(folder)], step=step, clock=clock, sleep=sleep)
        }
    assert found == {"a.png": 3, "b.png": 1, "c.png": 1, "d.png": 2, "e.png": 1, "z.png": 4}
