"""The Python API of the lab side: images in, result rows out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, TypeGuard

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab import pipeline
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.results import ResultRow
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image
from edgewbc.smear.microscope import Profile
from edgewbc.utils import resources

ImageSource: TypeAlias = Path | str | Image
"""An image file, or an image in memory: uint8 RGB (height, width, 3)."""


class Classifier:
    """Classifies images of single white blood cells on the CPU, without a network connection.

    Example:
        from pathlib import Path

        from edgewbc import Classifier

        classifier = Classifier()  # the bundle that ships with edgewbc; Classifier("bundles/mine") uses yours
        for row in classifier.stream(sorted(Path("smear-17").glob("*.jpg"))):
            print(row.path, row.label, row.probability, row.status, row.reason)

    A row (`edgewbc.lab.results.ResultRow`) has status `ok`; `review`, where a person should look; `unfamiliar`, for a
    cell unlike those of training, whatever its label; or `error`, where a file could not be read: `reason` says why. An
    unreadable image file raises no exception.

    The model is compiled once, in the constructor. Several threads may share a classifier if each has an iterator of
    its own; each iterator then uses as many cores as the classifier was given.
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        precision: str | None = None,
        threads: int | None = None,
        batch: int = pipeline.BATCH,
        review_below: float | None = None,
        review_below_by_class: Mapping[str, float] | None = None,
        max_error: float | None = None,
        microscope: Profile | Path | str | None = None,
    ) -> None:
        """Open a bundle and compile its model.

        Args:
            model: a bundle's folder or zip; None is the one that ships with edgewbc.
            precision: of the bundle's model, such as int8; None is what `edgewbc doctor` found fastest on this PC, or
                else the bundle's default.
            threads: cores that decoding and inference share; None is all that this process may use.
            batch: images per inference call; with 1, each row is ready soonest.
            review_below: probability below which a label gets status `review`, for all classes; None is the bundle's.
            review_below_by_class: the same for single classes, which takes precedence; above 1, every cell of the
                class is for review.
            max_error: choose the threshold such that at most this share of the accepted cells is mislabeled, on cells
                like those of the bundle's validation (see `edgewbc.decision.risk`); `review_below` overrides it.

            microscope: profile of the images' microscope, or its file (`edgewbc microscope learn`), for a bundle that
                locates cells. With None, it is taken to be that of the training images, and images that do not look
                like it are for review.

        Raises:
            edgewbc.errors.UserError: no such bundle, a file of it that differs from its checksum, no such precision, a
                model that cannot run here, a threshold that is not a probability or of an unknown class, or a
                `max_error` that the bundle's validation does not guarantee.
            ValueError: batch below 1.
        """
        if batch < 1:
            raise ValueError(f"a batch of {batch}: use 1 or more")
        thresholds = ReviewThresholds(review_below, dict(review_below_by_class or {}), max_error)
        bundle = Bundle.open(Path(model or resources.shipped_bundle()))
        self._model = LoadedBundle.load(bundle, precision, threads, thresholds)
        if microscope is not None:
            profile = microscope if isinstance(microscope, Profile) else Profile.read(Path(microscope))
            self._model = replace(self._model, microscope=Microscope.given(profile))
        self._batch = batch

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that a row can have."""
        return self._model.bundle.classes

    def classify(self, images: Iterable[ImageSource] | ImageSource) -> list[ResultRow]:
        """Classify images; return one row each, in their order.

        A single array, such as the next image of a live view, is classified in the calling thread, which is soonest.

        Args:
            images: files and arrays, uint8 RGB (height, width, 3), in any mixture; or a single one.

        Raises:
            ValueError: an array of another dtype or shape.
        """
        if _is_image(images):
            return [row.under("image 0") for row in self._model.now(images)]
        if isinstance(images, str | Path):
            return list(self.stream([images]))
        return list(self.stream(images))

    def stream(self, images: Iterable[ImageSource | None]) -> Iterator[ResultRow]:
        """Classify images like `classify`, but yield each row while later images are read, in bounded memory.

        Some images are requested ahead of the row that is yielded. Where the next one may take a while (a camera),
        yield None in between: the rows of all images before it then come first.

        Args:
            images: as for `classify`. An array may be overwritten as soon as the next image is requested.

        Raises:
            ValueError: an array of another dtype or shape.
        """
        names: deque[str] = deque()

        def sources() -> Iterator[Path | Image | None]:
            for number, image in enumerate(images):
                if isinstance(image, np.ndarray):
                    if not _is_image(image):
                        raise ValueError(
                            f"image {number} is {image.dtype} {image.shape}, not uint8 RGB (height, width, 3)"
                        )
                    names.append(f"image {number}")
                    yield image
                elif image is None:
                    yield None
                else:
                    names.append(str(image))
                    yield Path(image)

        for group in self._model.classified(sources(), self._batch):
            for image in group:
                name = names.popleft()
                for row in image.rows:
                    yield row.under(name)


def _is_image(value: object) -> TypeGuard[Image]:
    """Return whether a value is a single image in memory."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and value.size > 0
    )
