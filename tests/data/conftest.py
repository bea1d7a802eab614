"""Small sets of images on disk, one for each source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edgewbc.synth import cells
from tests.tiny import encode, make_image

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a small image: `put("neutrophil/slide1/a.png", seed=3)`; the seed determines its bytes."""

    def write(path: str, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Path:
        file = tmp_path / "images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(make_image(seed, *size), file.suffix.lower()))
        return file

    return write


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Return the folder that `put` writes to."""
    return tmp_path / "images"


@pytest.fixture
def slides(put: Put, image_folder: Path) -> Path:
    """Make one folder per class: two classes, six slides, two images of each class per slide."""
    seed = 0
    for label in ("neutrophil", "Lymphocyte"):
        for slide in range(6):
            for i in range(2):
                put(f"{label}/slide{slide}/{i}.png", seed := seed + 1)
    return image_folder


def write_csv(path: Path, rows: Sequence[str]) -> None:
    """Write lines to a file and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def voc(boxes: Sequence[tuple[str, int, int, int, int]], head: str = "") -> str:
    """Return a Pascal VOC annotation with boxes (name, xmin, ymin, xmax, ymax)."""
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>"
        "</bndbox></object>"
        for name, a, b, c, d in boxes
    )
    return f"{head}<annotation>{objects}</annotation>"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic cells (10 per class, 48 x 48 pixels) and two fields."""
    folder = tmp_path_factory.mktemp("drawn") / "cells"
    cells.write(folder, cells=10, fields=2, seed=4, size=48)
    return folder
