"""The Python API, and the example in its docstring."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgewbc
from edgewbc import Classifier
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.classify import classify
from edgewbc.lab.results import ResultRow
from edgewbc.runtime import tuning_cache
from edgewbc.utils import resources
from tests.tiny import encode, make_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty cache."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))


@pytest.fixture
def cells(tmp_path: Path) -> list[Path]:
    """Five valid images in a folder."""
    folder = tmp_path / "smear-17"
    folder.mkdir()
    paths = [folder / f"{seed}.jpg" for seed in range(5)]
    for seed, path in enumerate(paths):
        path.write_bytes(encode(make_image(seed), ".jpg"))
    return paths


def test_the_example_runs(
    bundle: Bundle,
    cells: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The docstring's example prints one line per image of the folder, with the shipped bundle's label."""
    example = textwrap.dedent((inspect.getdoc(Classifier) or "").split("Example:\n")[1].split("\n\nA row")[0])
    monkeypatch.chdir(cells[0].parents[1])
    monkeypatch.setattr(resources, "shipped_bundle", lambda: bundle.path)
    exec(example, {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    want = list(classify(bundle, cells))
    assert [line.split()[0] for line in lines] == [f"smear-17/{seed}.jpg" for seed in range(5)]
    assert [line.split()[1] for line in lines] == [row.label for row in want]


def test_files_arrays_and_names(bundle: Bundle, cells: list[Path], tmp_path: Path) -> None:
    """Paths, names, arrays and missing files: one row each, in order; arrays are named by number."""
    classifier = Classifier(bundle.path, precision="f32", threads=1, batch=2)
    given: list[Any] = [cells[0], str(cells[1]), make_image(2), tmp_path / "gone.png", make_image(2)]
    rows = classifier.classify(given)
    assert [row.path for row in rows] == [str(cells[0]), str(cells[1]), "image 2", str(given[3]), "image 4"]
    assert [row.status for row in rows] == ["ok", "ok", "ok", "error", "ok"]
    assert rows[2].probabilities == rows[4].probabilities
    assert all(
        isinstance(row, ResultRow) and row.model_sha256 == bundle.model_sha256("openvino", "f32") for row in rows
    )
    assert classifier.classes == bundle.classes


def test_a_single_image_and_a_stack(bundle: Bundle, cells: list[Path]) -> None:
    """A single file or array gives a list of one row, and a stack of arrays one row each."""
    classifier = Classifier(bundle.path, threads=1)
    (one,) = classifier.classify(cells[0])
    assert classifier.classify(str(cells[0])) == [one]
    assert len(classifier.classify(make_image(0))) == 1
    assert len(classifier.classify(np.stack([make_image(0), make_image(1)]))) == 2
    assert classifier.classify([]) == []


def test_an_array_alone_has_the_row_that_it_has_among_others(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is classified in the calling thread; other threads are not started."""
    classifier = Classifier(bundle.path, threads=1)
    images = [make_image(seed) for seed in range(3)]
    want = classifier.classify(images)
    monkeypatch.setattr(threading.Thread, "start", None)
    for image, row in zip(images, want, strict=True):
        assert classifier.classify(image) == [row.under("image 0")]


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), make_image(0)[:0]]
)
def test_other_arrays_are_refused(bundle: Bundle, wrong: Any) -> None:
    """An array that is not a uint8 RGB image raises a ValueError with its number, dtype and shape."""
    with pytest.raises(ValueError, match=r"image 1 is (uint8|float64) \(.*not uint8 RGB"):
        Classifier(bundle.path, threads=1).classify([make_image(0), wrong])


def test_a_camera_may_overwrite_its_array(bundle: Bundle) -> None:
    """An array can be overwritten once the next is requested; None yields the rows so far."""
    classifier = Classifier(bundle.path, threads=1)
    want = [row.probabilities for row in classifier.classify([make_image(seed) for seed in range(4)])]
    frame = np.zeros_like(make_image(0))
    seen: list[Any] = []

    def camera() -> Any:
        for seed in range(4):
            frame[:] = make_image(seed)
            yield frame
            yield None
            assert len(seen) == seed + 1

    for row in classifier.stream(camera()):
        seen.append(row.probabilities)
    assert seen == want


def test_several_threads_share_one(bundle: Bundle, cells: list[Path]) -> None:
    """Two threads that use one classifier each get their own rows."""
    classifier = Classifier(bundle.path, batch=2)
    want = classifier.classify(cells * 4)
    found: dict[int, list[ResultRow]] = {}
    work = [
        threading.Thread(target=lambda key=key: found.update({key: classifier.classify(cells * 4)})) for key in (0, 1)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    for rows in found.values():
        assert [(row.path, row.label) for row in rows] == [(row.path, row.label) for row in want]
    assert len(found) == 2


def test_what_cannot_be_opened(tmp_path: Path, bundle: Bundle) -> None:
    """A missing bundle, a missing precision and a batch of 0 are refused by the constructor."""
    with pytest.raises(UserError, match="no such bundle"):
        Classifier(tmp_path / "gone")
    with pytest.raises(UserError, match="holds no int4 model"):
        Classifier(bundle.path, precision="int4")
    with pytest.raises(ValueError, match="batch of 0"):
        Classifier(bundle.path, batch=0)


def test_the_package_stays_light() -> None:
    """`import edgewbc` imports neither numpy nor OpenCV nor OpenVINO; an unknown name raises AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'Classifiers'"):
        _ = edgewbc.Classifiers
    script = (
        f"import sys; sys.path.insert(0, {str(Path(edgewbc.__file__).parents[1])!r}); import edgewbc; "
        "sys.exit(bool({'numpy', 'cv2', 'openvino'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0
