"""An image's way to the network and back: decode and prepare its cells, then join them with the network's outputs.

Folders (`pipeline`) and requests (`edgewbc.serve`) share it, so that an image gives the same result on both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgewbc.images.decode import LIMIT, ImageError, decode
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.pixels import Box, Image
from edgewbc.reasons import Reason
from edgewbc.smear import appearance
from edgewbc.smear.prepare import Preparer

NO_MEMORY = "too large for the memory of this PC"

MEASURED = 32
"""Cells whose appearance is measured together. One by one, each takes 1.5 times as long, and twice as long where an
image is decoded in between, which leaves the CPU's caches cold."""

FileFacts: TypeAlias = tuple[Path, str, FileVersion]
"""Path, SHA-256 and version of an image's file."""
NO_FILE: FileFacts = (Path(), "", NOT_READ)
"""Of an image that was given as an array or as bytes."""

Output: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probabilities (K,) and features (d,) of a view of a cell."""


@dataclass(frozen=True)
class CellResult:
    """The network's result for one cell of an image.

    Attributes:
        probabilities: float32 (K,).
        features: float32 (d,), the pooled vector before the head.
        number: of the cell in its image, from 1; 0 where the image shows one cell.
        box: of the cell in whole pixels of the image; None where the whole image is prepared.
        reasons: why a person should look at the cell (see `smear.prepare.PreparedCell`).
        appearance: of the prepared cell, from `appearance.measure`; None where it was not asked for.
        others: probabilities of further views of the cell, float32 (m, K); None where the bundle looks at one view.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]
    number: int = 0
    box: Box | None = None
    reasons: tuple[Reason, ...] = ()
    appearance: NDArray[np.float32] | None = None
    others: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class ImageResult:
    """The pipeline's result for one image.

    Attributes:
        path: as given; empty for an image that was given as an array.
        sha256: of the file's bytes, in hexadecimal; empty if it could not be read.
        version: of the file when it was read; `NOT_READ` if it could not be read.
        cells: its cells, the one with the largest nucleus first; empty for an error, or if no white cell was located.
        notes: why a person should look at the image (see `decode.Decoded`).
        error: why there is no prediction; empty if the image was read.
        shape: width and height of the decoded image in pixels; None for an error.
    """

    path: Path
    sha256: str
    version: FileVersion
    cells: tuple[CellResult, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    shape: tuple[int, int] | None = None


class CellFacts(NamedTuple):
    """What is known of a prepared cell before the network has run; see `CellResult`. `others` counts further views."""

    number: int
    box: Box | None
    reasons: tuple[Reason, ...]
    appearance: NDArray[np.float32] | None = None
    others: int = 0

    def result(self, outputs: Iterator[Output]) -> CellResult:
        """Take the outputs of the cell's views, the upright one first."""
        probabilities, features = next(outputs)
        others = np.stack([next(outputs)[0] for _ in range(self.others)]) if self.others else None
        return CellResult(probabilities, features, self.number, self.box, self.reasons, self.appearance, others)


@dataclass(frozen=True)
class PreparedImage:
    """An image that was read: its cells and, until the network has run, the prepared images of all their views."""

    path: Path
    sha256: str = ""
    version: FileVersion = NOT_READ
    cells: tuple[CellFacts, ...] = ()
    images: tuple[Image, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    shape: tuple[int, int] | None = None

    def upright(self) -> Iterator[Image]:
        """Yield the upright view of each cell, the first of its views."""
        at = 0
        for cell in self.cells:
            yield self.images[at]
            at += 1 + cell.others

    def result(self, outputs: Iterator[Output]) -> ImageResult:
        """Return the image's result; takes the outputs of its cells' views from `outputs`."""
        cells = tuple(cell.result(outputs) for cell in self.cells)
        return ImageResult(self.path, self.sha256, self.version, cells, self.notes, self.error, self.shape)


@dataclass(frozen=True)
class ImagePreparer:
    """Decodes images and prepares their cells.

    Attributes:
        preparer: of the network's input.
        measure: whether `measured` measures the appearance of each prepared cell.
    """

    preparer: Preparer
    measure: bool = False

    def pixels(self, image: Image, file: FileFacts = NO_FILE, notes: tuple[str, ...] = ()) -> PreparedImage:
        """Prepare the cells of a decoded image, uint8 RGB (height, width, 3)."""
        cells = self.preparer.cells(image)
        facts = tuple(CellFacts(cell.number, cell.box, cell.reasons, others=len(cell.others)) for cell in cells)
        images = tuple(view for cell in cells for view in (cell.image, *cell.others))
        return PreparedImage(*file, facts, images, notes, shape=(image.shape[1], image.shape[0]))

    def measured(self, prepared: Sequence[PreparedImage]) -> Sequence[PreparedImage]:
        """Return prepared images with the appearance of their cells, measured of all of them together."""
        upright = [image for one in prepared for image in one.upright()] if self.measure else []
        if not upright:
            return prepared
        starts = range(0, len(upright), MEASURED)
        each = chain.from_iterable(appearance.measure_all(np.stack(upright[at : at + MEASURED])) for at in starts)
        return [
            replace(one, cells=tuple(cell._replace(appearance=next(each)) for cell in one.cells)) for one in prepared
        ]

    def data(self, data: bytes, file: FileFacts = NO_FILE, limit: int = LIMIT) -> PreparedImage:
        """Decode an image file's bytes and prepare its cells, or say what is wrong with them.

        Args:
            data: of the file.
            file: what is known of it.
            limit: pixels of the largest image that is decoded.
        """
        try:
            decoded = decode(data, limit)
            return self.pixels(decoded.image, file, decoded.notes)
        except ImageError as error:
            return PreparedImage(*file, error=str(error))
        except MemoryError:
            return PreparedImage(*file, error=NO_MEMORY)
