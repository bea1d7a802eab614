"""The lab side as a library: pictures in, rows out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, TypeGuard

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab import pipeline
from edgewbc.lab.classify import Model, Row
from edgewbc.pixels import Image
from edgewbc.utils import resources

Given: TypeAlias = Path | str | Image
"""A picture file, or a picture: uint8 RGB (height, width, 3)."""


class Classifier:
    """Names the white blood cells in pictures of single cells, on the CPU and without a network.

    Example:
        from pathlib import Path

        from edgewbc import Classifier

        classifier = Classifier()  # the bundle that ships with edgewbc; Classifier("bundles/mine") takes yours
        for row in classifier.stream(sorted(Path("smear-17").glob("*.jpg"))):
            print(row.path, row.label, row.probability, row.status, row.reason)

    A row (`edgewbc.lab.classify.Row`) has status `ok`; `review`, where a person should look; or `error`, where a file
    could not be read: `reason` says why. Nothing is raised for a bad picture file.

    The model is compiled once, here. Several threads may use one classifier, each with an iterator of its own (one
    iterator is not for several threads); each then takes as many processors as the classifier was given.
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        precision: str | None = None,
        threads: int | None = None,
        batch: int = pipeline.BATCH,
    ) -> None:
        """Open a bundle and compile its model.

        Args:
            model: a bundle's folder or zip; None is the one that ships with edgewbc.
            precision: of the bundle's model, such as int8; None takes what `edgewbc doctor` found best on this PC, or
                else the bundle's default.
            threads: processors that decoding and inference share; None is all that this process may use.
            batch: pictures that are answered at once; 1 gives each row soonest.

        Raises:
            edgewbc.errors.UserError: no such bundle, a file of it that is not as released, no such precision, or a
                model that cannot run here.
            ValueError: batch below 1.
        """
        if batch < 1:
            raise ValueError(f"a batch of {batch}: use 1 or more")
        self._model = Model.load(Bundle.open(Path(model or resources.shipped_bundle())), precision, threads)
        self._batch = batch

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that a row can have."""
        return self._model.bundle.classes

    def classify(self, pictures: Iterable[Given] | Given) -> list[Row]:
        """Classify pictures; a row each, in their order.

        Args:
            pictures: files and arrays, uint8 RGB (height, width, 3), mixed at will; or a single one.

        Raises:
            ValueError: an array of another type or shape.
        """
        if isinstance(pictures, str | Path) or _one(pictures):
            return list(self.stream([pictures]))
        return list(self.stream(pictures))

    def stream(self, pictures: Iterable[Given | None]) -> Iterator[Row]:
        """As `classify`, row by row while further pictures are read; for more pictures than memory holds.

        Some pictures are asked for ahead of the row that is given. Where the next one may take a while (a camera),
        give None in between: then the rows of all pictures before it come first.

        Args:
            pictures: as for `classify`. An array may be written to again as soon as the next picture is asked for.

        Raises:
            ValueError: an array of another type or shape.
        """
        names: deque[str] = deque()

        def named() -> Iterator[Path | Image | None]:
            for number, picture in enumerate(pictures):
                if isinstance(picture, np.ndarray):
                    if not _one(picture):
                        raise ValueError(
                            f"picture {number} is {picture.dtype} {picture.shape}, not uint8 RGB (height, width, 3)"
                        )
                    names.append(f"picture {number}")
                    yield picture
                elif picture is None:
                    yield None
                else:
                    names.append(str(picture))
                    yield Path(picture)

        for outcome in pipeline.run(self._model.engine, self._model.bundle.pixels, named(), batch=self._batch):
            yield replace(self._model.row(outcome), path=names.popleft())


def _one(found: object) -> TypeGuard[Image]:
    """Whether it is a picture in memory."""
    return (
        isinstance(found, np.ndarray)
        and found.dtype == np.uint8
        and found.ndim == 3
        and found.shape[2] == 3
        and found.size > 0
    )
