"""The microscope of a run's images: learned, named, kept in the journal, or unknown; and images that are not of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.cells import CLASSES
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.microscope import learn as learn_files
from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.smear import appearance, learning
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import Slide
from tests.conftest import Ran
from tests.smear.stains import stained
from tests.tiny import encode, make_bundle

SLIDE = Slide.draw(np.random.default_rng(5))
OTHER_STAIN = ((0.8, 0.8, 0.8), (250, 250, 175))


@cache
def usual(seed: int) -> Image:
    """An image of one cell of the microscope that the bundle was trained on, 150 x 150."""
    return draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 150, SLIDE)


def paler(seed: int) -> Image:
    """The same cell as another microscope shows it: half as large, paler, in yellow light."""
    return stained(np.asarray(cv2.resize(usual(seed), (75, 75), interpolation=cv2.INTER_AREA), np.uint8), *OTHER_STAIN)


@cache
def learned_profile() -> Profile | None:
    """The profile of the usual microscope, learned from 30 of its images."""
    return learning.learn([usual(seed) for seed in range(30)])


def folder(to: Path, images: list[Image]) -> Path:
    to.mkdir()
    for number, image in enumerate(images):
        (to / f"{number:02d}.png").write_bytes(encode(image))
    return to


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle that was trained on 60 synthetic cells, with the range of their appearance."""
    found = learning.learn([usual(seed) for seed in range(60)])
    assert found is not None
    reference = Reference(found.nucleus, found.background, found.density)
    spec = PixelSpec(40, 40, crop="cell", size=120, reference=reference)
    prepare = Preparer(spec, found)
    measured = [appearance.measure(prepare(usual(seed))) for seed in range(60)]
    facts = TrainingImages.of(measured, [(150, 150)] * 60, {})
    return make_bundle(tmp_path_factory.mktemp("cell") / "tiny", spec=spec, training_images=facts.to_json())


@pytest.fixture
def run(edgewbc: Callable[..., Ran], bundle: Bundle) -> Callable[..., Ran]:
    return lambda *arguments: edgewbc("classify", "--model", bundle.path, "--threads", 1, *arguments)


def stored(journal: Path) -> dict[str, object]:
    import sqlite3

    opened = sqlite3.connect(journal)
    (text,) = opened.execute("SELECT value FROM about WHERE name = 'microscope'").fetchone()
    opened.close()
    found: dict[str, object] = json.loads(text)
    return found


def test_the_microscope_is_learned_from_the_images(run: Callable[..., Ran], tmp_path: Path) -> None:
    """It is said in one line and kept in the journal: later images do not change it, and another one is refused."""
    images, out = folder(tmp_path / "cells", [paler(seed) for seed in range(24)]), tmp_path / "rows.csv"
    first = run(images, "--out", out)
    assert first.code == 0, first.err
    line = next(line for line in first.err.splitlines() if line.startswith("microscope:"))
    assert "24 images with 24 white cells" in line
    assert 0.45 < float(line.split("nuclei are ")[1].split()[0]) < 0.55
    before = stored(tmp_path / "rows.csv.journal")
    assert before["unknown"] == ""
    assert before["sha256"] == Profile.from_json(before["profile"]).sha256  # type: ignore[arg-type]
    (images / "more.png").write_bytes(encode(usual(3)))
    assert run(images, "--out", out).code == 0
    assert stored(tmp_path / "rows.csv.journal") == before
    other = tmp_path / "scope.json"
    other.write_text(json.dumps(Profile(30.0, (250.0,) * 3, (1.0, 1.5, 0.5), 50, 50).to_json()))
    refused = run(images, "--out", out, "--microscope", other)
    assert refused.code == 2
    assert "another microscope profile: run again without --microscope" in refused.err
    settings = json.loads((tmp_path / "rows.summary.json").read_text())["settings"]
    assert settings["microscope"] == before


def test_two_backgrounds_are_told_of_and_counted(run: Callable[..., Ran], tmp_path: Path) -> None:
    """A remark on the images is said in the first lines, and takes no percentages away."""
    profile = learned_profile()
    assert profile is not None
    scope = tmp_path / "scope.json"
    scope.write_text(json.dumps(replace(profile, remarks=("images on two backgrounds",)).to_json()))
    found = run(folder(tmp_path / "cells", [usual(seed) for seed in range(12)]), "--json", "--microscope", scope)
    values = json.loads(found.out)
    assert (values["warnings"], values["remarks"]) == ([], ["Images on two backgrounds."])
    assert "Images on two backgrounds." in found.err
    assert "Images on two backgrounds." not in values["verdict"]["message"]


def test_an_unknown_microscope_counts_nothing(run: Callable[..., Ran], tmp_path: Path) -> None:
    """Too few images, unlike those of training: every cell is for review, and the first lines say so."""
    few = folder(tmp_path / "few", [paler(seed) for seed in range(12)])
    found = run(few, "--json")
    values = json.loads(found.out)
    assert {row["status"] for row in values["rows"]} == {"review"}
    assert all("unknown microscope: learned from 12 white cells" in row["reason"] for row in values["rows"])
    assert "edgewbc microscope learn" in values["warnings"][0]
    assert list(values).index("warnings") < list(values).index("rows")
    assert list(values).index("verdict") < list(values).index("differential")
    assert all(share["percent"] is None for share in values["differential"]["classes"].values())
    assert "The microscope of these images is not known" in found.err
    shown = run(few, "--out", tmp_path / "rows.csv").out
    assert shown.startswith("The microscope of these images is not known")
    assert "%" not in shown


def test_few_images_of_the_training_microscope_are_classified(run: Callable[..., Ran], tmp_path: Path) -> None:
    """Too few to learn from, but they look like the training images."""
    found = run(folder(tmp_path / "few", [usual(seed) for seed in range(5)]), "--json")
    values = json.loads(found.out)
    assert values["microscope"] == {"profile": None, "sha256": None, "unknown": ""}
    assert "taken to be that of the training images" in found.err
    assert not any("microscope" in row["reason"] for row in values["rows"])


def test_two_microscopes_in_a_folder_count_nothing(run: Callable[..., Ran], tmp_path: Path) -> None:
    """Cells of two magnifications are for review, with the sizes of their nuclei."""
    mixed = folder(tmp_path / "mixed", [*map(usual, range(20)), *map(paler, range(20))])
    values = json.loads(run(mixed, "--json").out)
    assert {row["status"] for row in values["rows"]} == {"review"}
    assert "images of two magnifications, with nuclei of " in values["warnings"][0]


def test_arrays_are_compared_with_the_training_microscope(bundle: Bundle) -> None:
    """Without a profile nothing is learned from single images: those of another microscope are for review."""
    plain = Classifier(bundle.path, threads=1)
    assert "microscope" not in plain.classify(usual(2))[0].reason
    (row,) = plain.classify(paler(2))
    assert str(row.status) == "review"
    assert "not of the training images' microscope: background" in row.reason
    found = learning.learn([paler(seed) for seed in range(24)])
    assert "microscope" not in Classifier(bundle.path, threads=1, microscope=found).classify(paler(2))[0].reason


def swapped(image: Image) -> Image:
    return np.ascontiguousarray(image[..., ::-1])


def negative(image: Image) -> Image:
    return np.asarray(255 - image, np.uint8)


def blurred(image: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 10), np.uint8)


def noise(image: Image) -> Image:
    return np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)


def other_stain(image: Image) -> Image:
    return stained(image, (1.0, 1.0, 1.0), (255, 200, 140))


@pytest.mark.parametrize("change", [swapped, negative, blurred, noise, other_stain])
@pytest.mark.parametrize("learned", [True, False])
def test_images_that_are_not_of_the_microscope_are_for_review(
    bundle: Bundle, change: Callable[[Image], Image], learned: bool
) -> None:
    """Swapped channels, a negative, blur, noise and another light, among the images of a known microscope or alone."""
    profile = learned_profile() if learned else None
    rows = Classifier(bundle.path, threads=1, microscope=profile).classify([change(usual(seed)) for seed in range(6)])
    assert rows
    assert {str(row.status) for row in rows} == {"review"}


def test_most_cells_of_the_microscope_are_ok(bundle: Bundle) -> None:
    """The gates let usual cells pass, and those of another microscope whose profile is known."""
    other = learning.learn([paler(seed) for seed in range(24)])
    for images, profile in (
        ([usual(seed) for seed in range(80, 100)], None),
        ([*map(paler, range(80, 100))], other),
    ):
        rows = Classifier(bundle.path, threads=1, microscope=profile).classify(images)
        assert sum("microscope" in row.reason for row in rows) <= 1


def test_a_model_of_another_crop_takes_no_profile(edgewbc: Callable[..., Ran], tmp_path: Path, bundle: Bundle) -> None:
    """The option is refused for a model that locates no cells, and a file that is not a profile always."""
    whole = make_bundle(tmp_path / "whole")
    images = folder(tmp_path / "cells", [usual(1)])
    scope = tmp_path / "scope.json"
    scope.write_text(json.dumps(Profile(30.0, (250.0,) * 3, (1.0, 1.5, 0.5), 50, 50).to_json()))
    refused = edgewbc("classify", "--model", whole.path, images, "--microscope", scope)
    assert (refused.code, "takes images as they are" in refused.err) == (2, True)
    scope.write_text("{}")
    refused = edgewbc("classify", "--model", bundle.path, images, "--microscope", scope)
    assert (refused.code, "edgewbc microscope learn" in refused.err) == (2, True)


def test_unreadable_images_are_left_out_of_the_profile(tmp_path: Path) -> None:
    """A broken file changes nothing; a folder without any readable image gives no profile."""
    images = folder(tmp_path / "cells", [usual(seed) for seed in range(4)])
    names = sorted(images.iterdir())
    whole = learn_files(names)
    (images / "x.png").write_bytes(b"not an image")
    assert learn_files(sorted(images.iterdir())) == whole
    assert learn_files([images / "x.png"]) is None
    assert Microscope.learned(None, Reference(60.0, (250.0,) * 3, (1.0, 1.5, 0.5))) == Microscope()


def test_a_microscope_far_from_the_training_images() -> None:
    """It is said with the remedy, unless the model was adapted to a lab's own cells."""
    reference = Reference(80.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
    far = Microscope.given(Profile(80.0, (250.0, 230.0, 210.0), (0.2, 0.4, 0.2), 100, 100))
    assert far.reason is None
    two = Microscope(None, "learned from 3 cells; images of two stains").reason
    assert two == Reason(
        ReasonKind.UNKNOWN_MICROSCOPE, "unknown microscope: learned from 3 cells, images of two stains"
    )
    (line,) = far.warnings(reference)
    assert "a stain whose nuclei absorb 0.2 (red) and 0.25 (green) times as much" in line
    assert "`edgewbc adapt`" in line
    assert far.warnings(reference, adapted=True) == []
