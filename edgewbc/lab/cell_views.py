"""Features of cells in eight views each: what adapting a head and picking cells to label are computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode, is_damage
from edgewbc.images.files import read
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.pixels import Box, Image
from edgewbc.reasons import CUT_OFF
from edgewbc.runtime import golden_proof
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import fault
from edgewbc.smear import appearance
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import PreparedCell, Preparer
from edgewbc.smear.views import quarter_turns
from edgewbc.utils.progress import Progress, quiet

GROUP = 4
"""Cells whose views are inferred in one batch."""


@dataclass(frozen=True, eq=False)
class SeenCells:
    """Cells that could be read, as the network sees them.

    Attributes:
        indices: place of each one's file among the given files, (n,).
        sha256: of each one's file.
        boxes: of each in its image; None where the image shows one cell.
        features: of each view of each cell, float32 (n, views, d); the first view is the image as it is.
        probabilities: of the views, float32 (n, views, K).
        others: features of the views that the bundle looks at beside the first (see `smear.views`), float32 (n, m, d);
            None for a bundle that looks at one view.
        other_probabilities: of these views, float32 (n, m, K); None without any.
        appearance: see `smear.appearance`, float32 (n, q).
        sizes: width and height of each image in pixels.
        notes: of the decoder on each image (see `decode.Decoded`); never damage.
        errors: place and reason of the files that could not be used.
    """

    indices: NDArray[np.int64]
    sha256: tuple[str, ...]
    boxes: tuple[Box | None, ...]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    appearance: NDArray[np.float32]
    sizes: tuple[tuple[int, int], ...]
    notes: tuple[tuple[str, ...], ...]
    errors: tuple[tuple[int, str], ...]
    others: NDArray[np.float32] | None = None
    other_probabilities: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def judged(self) -> NDArray[np.float32]:
        """The features of the views that the bundle looks at, the first one included, (n, 1 + m, d)."""
        first = self.features[:, :1]
        return first if self.others is None else np.concatenate([first, self.others], 1)

    @property
    def copies(self) -> NDArray[np.int64]:
        """Number of each cell, (n,): the same for the same cell of files with the same bytes."""
        names = [f"{digest} {box}" for digest, box in zip(self.sha256, self.boxes, strict=True)]
        return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int64)


def views(image: Image) -> NDArray[np.uint8]:
    """Return an image, its quarter turns and their mirror images, uint8 (8, height, width, 3).

    An image that is not square is turned by half turns only: (4, height, width, 3).
    """
    turns = quarter_turns(*image.shape[:2])
    return np.stack([np.rot90(each, turn) for each in (image, image[:, ::-1]) for turn in turns])


def upright(maps: NDArray[Any]) -> NDArray[Any]:
    """Return maps (n, ..., h, w), one of each of the n `views` of an image, turned back to the image's orientation."""
    turns = quarter_turns(*maps.shape[-2:])
    back = [np.rot90(each, -turn, axes=(-2, -1)) for each, turn in zip(maps, (*turns, *turns), strict=True)]
    return np.stack([each if number < len(turns) else each[..., ::-1] for number, each in enumerate(back)])


def see(
    bundle: Bundle,
    paths: Sequence[Path],
    *,
    boxes: Sequence[Box | None] | None = None,
    fields: bool = False,
    precision: str | None = None,
    profile: Profile | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> SeenCells:
    """Run a bundle's network on all views of the cells in images.

    Files that cannot be read, or are damaged, are left out with their reason, and so are cut-off cells of fields.

    Args:
        bundle: with the network.
        paths: image files.
        boxes: of one cell in each image, in pixels; None, for one or for all, is an image of one cell.
        fields: use every located cell of an image (`Preparer.cells`); otherwise each image is of one cell, the central.
        precision: of the model; None is the bundle's default.
        profile: of the microscope, for bundles that use one.
        threads: inference threads; None leaves it to OpenVINO.
        progress: shows the images.

    Raises:
        UserError: no image could be used, the model cannot run, or there are boxes and it takes images of one cell.
    """
    if bundle.pixels.crop in ("whole", "centre") and any(boxes or ()):
        raise UserError(f"{bundle.path}: takes images of one cell each: name a bundle that locates cells (wbc5-travel)")
    predictor = OpenVINOPredictor.from_bundle(bundle, precision, threads=threads)
    golden_proof.require(bundle, predictor, precision or bundle.default_precision)
    looked = bundle.manifest.views
    scaled = None if looked is None else replace(looked, turns=1)  # the turns are among the eight views
    prepare = Preparer(bundle.pixels, profile, scaled)
    errors: list[tuple[int, str]] = []
    kept: list[_Kept] = []

    def batches() -> Iterator[NDArray[np.uint8]]:
        waiting: list[NDArray[np.uint8]] = []
        for index, path in enumerate(progress(paths, "cells", len(paths))):
            try:
                image, sha256, notes = _read(path)
                cells = _cells(prepare, image, fields, None if boxes is None else boxes[index])
            except ImageError as error:
                errors.append((index, str(error)))
                continue
            for cell, box in cells:
                size = image.shape[1], image.shape[0]
                kept.append(_Kept(index, sha256, box, size, notes, appearance.measure(cell.image)))
                waiting.append(np.stack([*views(cell.image), *cell.others]))
                if len(waiting) == GROUP:
                    yield np.concatenate(waiting)
                    waiting.clear()
        if waiting:
            yield np.concatenate(waiting)

    with one_thread_in_opencv():
        predictions = list(predictor.stream(batches()))
    if not kept:
        why = f": {paths[errors[0][0]]}: {errors[0][1]}" if errors else ""
        raise UserError(f"none of the {len(paths)} images could be used{why}")
    parts: list[Any] = []
    for arrays in ([each.features for each in predictions], [each.probabilities for each in predictions]):
        joined = np.concatenate(arrays)
        parts.append(joined.reshape(len(kept), -1, joined.shape[-1]))
    features, probabilities = parts
    count = features.shape[1] - (0 if looked is None else len(looked.scales))
    others = other_probabilities = None
    if looked is not None:
        turns = quarter_turns(bundle.pixels.height, bundle.pixels.width)
        places = [*(turns.index(turn) for turn in looked.turned), *range(count, features.shape[1])]
        others, other_probabilities = features[:, places], probabilities[:, places]
    if why := fault(probabilities, features):
        raise UserError(f"{bundle.path}: {why}: run `edgewbc selftest --model {bundle.path}`")
    return SeenCells(
        np.array([each.index for each in kept], dtype=np.int64),
        tuple(each.sha256 for each in kept),
        tuple(each.box for each in kept),
        features[:, :count],
        probabilities[:, :count],
        np.stack([each.appearance for each in kept]),
        tuple(each.size for each in kept),
        tuple(each.notes for each in kept),
        tuple(errors),
        others,
        other_probabilities,
    )


@dataclass(frozen=True)
class _Kept:
    """What is kept of an image that was prepared."""

    index: int
    sha256: str
    box: Box | None
    size: tuple[int, int]
    notes: tuple[str, ...]
    appearance: NDArray[np.float32]


def _cells(
    prepare: Preparer, image: Image, fields: bool, box: Box | None = None
) -> list[tuple[PreparedCell, Box | None]]:
    """Return each cell of an image, prepared, and its box where the image is a field.

    Raises:
        ImageError: no whole white cell was located.
    """
    if not fields:
        return [(prepare.one(image, box), box)]
    found = [
        (cell, cell.box if cell.number else None)
        for cell in prepare.cells(image)
        if not (cell.number and CUT_OFF in cell.reasons)
    ]
    if not found:
        raise ImageError("no whole white cell was located")
    return found


def _read(path: Path) -> tuple[Image, str, tuple[str, ...]]:
    """Return an image, the hash of its file and the decoder's notes.

    Raises:
        ImageError: it cannot be read or is damaged.
    """
    contents = read(path)
    decoded = decode(contents.data)
    for note in decoded.notes:
        if is_damage(note):
            raise ImageError(note)
    return decoded.image, contents.sha256, decoded.notes
