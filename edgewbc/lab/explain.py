"""Why a network gave a cell its label: class activation maps, computed without torch (see `decision.class_map`).

A map is the mean over the eight views of a cell (`cell_views.views`), turned back: it explains the mean logits of the
views. With a single view, maps of released networks are highest at the same places for every cell, set by the padding
of their convolutions rather than by the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.class_map import ClassMaps, class_maps
from edgewbc.decision.views import judge
from edgewbc.errors import UserError
from edgewbc.lab import cell_views
from edgewbc.lab.adapt import old_head
from edgewbc.lab.overlay import overlay, window_of
from edgewbc.pixels import Box, Image
from edgewbc.runtime import trial
from edgewbc.runtime.ir_map import MapModel
from edgewbc.runtime.predictor import Backend, fault
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import PreparedCell, Preparer

CAPTION = (
    "The color shows which parts of the image the network's score for this label rests on, compared with its scores "
    "for the other labels. It does not show that the label is right: wrong labels have maps that look as convincing, "
    "and so do cells of kinds that the network does not know. Each map has its own scale, and its places are coarse."
)
"""What a map shows and what it does not, for the person who looks at it."""
MIN_PLACES = 4
"""Places along a side below which a map does not show where in the image something is."""
TOO_COARSE = "This network's maps have {height} x {width} places: too few to show where in the image something is."


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a cell has its label.

    Attributes:
        number: of the cell in its image, from 1; 0 where the image shows one cell.
        box: of the cell in pixels of the image; None where it was not located.
        part: left, top, width, height of what the network sees, in pixels of the image; it may extend beyond it.
        classes: names, in the order of the outputs.
        probabilities: calibrated, float32 (K,), of the views that the bundle takes the label from.
        features: of the image as it is, float32 (d,).
        maps: what each place adds to each class's logit, mean over the views.
        unfamiliar: why the cell does not look like those of training; empty if it does, or nobody can tell.
        lowest: lowest calibrated probability that any view of the bundle (see `smear.views`) gives `label`, which is
            the one that `classify` reports and compares with the threshold; None if the bundle looks at one view.
        views: number of views that the bundle looks at.
    """

    number: int
    box: Box | None
    part: Box
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]
    maps: ClassMaps
    unfamiliar: str = ""
    lowest: float | None = None
    views: int = 1

    @property
    def coarse(self) -> bool:
        """Whether the map has too few places to show where in the image something is."""
        return bool(min(self.maps.parts.shape[1:]) < MIN_PLACES)

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    def evidence(self, label: str = "", against: str = "") -> NDArray[np.float64]:
        """Return what speaks for a label at each place of the map, (h, w), in logits; negative against it.

        Args:
            label: a class; empty is the most probable one.
            against: a class to compare with; empty is the mean of all.

        Raises:
            UserError: the bundle has no such class.
        """
        other = index_of(self.classes, against) if against else None
        return self.maps.evidence(index_of(self.classes, label or self.label), other)


class Explainer:
    """Computes class activation maps with a bundle's own model; compiled once, and safe for several threads.

    Attributes:
        bundle: the files.
        precision: of the model that runs.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        precision: str | None = None,
        profile: Profile | None = None,
        threads: int | None = None,
    ) -> None:
        """Load a bundle's OpenVINO model with its feature map as an output.

        Args:
            bundle: to explain.
            precision: of the model; None is the bundle's default.
            profile: of the microscope, for a bundle that locates cells.
            threads: inference threads; None leaves it to OpenVINO.

        Raises:
            UserError: the model has no class activation map in closed form, or cannot run.
        """
        self.bundle = bundle
        self._model = MapModel(trial.read_model(bundle, Backend.OPENVINO, precision), threads)
        self.precision = self._model.precision
        self._head = old_head(bundle, precision)
        self._familiarity = bundle.familiarity()
        self._prepare = Preparer(bundle.pixels, profile, bundle.manifest.views)

    def cells(self, image: Image) -> list[Explanation]:
        """Explain the white cells of an image, the one with the largest nucleus first; none where none is located.

        Args:
            image: uint8 RGB (height, width, 3).

        Raises:
            UserError: the model gives no numbers, or no map in closed form.
        """
        return [self._explain(cell) for cell in self._prepare.cells(image)]

    def cell(self, image: Image, box: Box | None = None) -> Explanation:
        """Explain the cell in a box, or the one cell of an image. Raises UserError as `cells`."""
        return self._explain(self._prepare.one(image, box))

    def png(
        self, image: Image, box: Box | None = None, label: str = "", window: Box | None = None, side: int = 320
    ) -> bytes:
        """Return an image of the map of one cell, laid over its image, as a PNG.

        Args:
            image: uint8 RGB (height, width, 3).
            box: of the cell; None where the image shows one cell.
            label: whose map to show; empty, or a label that the network does not have, shows the most probable one.
            window: part of the image to show, in pixels; None shows what the network sees, and a margin.
            side: longer side of the image in pixels.

        Raises:
            UserError: as `cells`.
        """
        found = self.cell(image, box)
        evidence = found.evidence(label if label in found.classes else "")
        return overlay(image, found.part, evidence, window or window_of(image, found.part), side).png

    def _explain(self, cell: PreparedCell) -> Explanation:
        images = cell_views.views(cell.image)
        found = self._model(np.concatenate([images, *(view[None] for view in cell.others)]))
        if why := fault(found.probabilities, found.features):
            raise UserError(f"{self.bundle.path}: {why}: run `edgewbc selftest --model {self.bundle.path}`")
        try:
            mapped = zip(found.features[: len(images)], found.maps[: len(images)], strict=True)
            views = [class_maps(self._head, *view) for view in mapped]
            unfamiliar = None if self._familiarity is None else self._familiarity.reasons(found.features)[0]
        except ValueError as error:
            raise UserError(f"{self.bundle.path}: {error}") from None
        parts = cell_views.upright(np.stack([view.parts for view in views])).mean(0)
        maps = ClassMaps(parts, np.mean([view.bias for view in views], 0))
        others = found.probabilities[len(images) :]
        judged = judge(found.probabilities[:1], others[None], self.bundle.manifest.label_from, self._calibrated)
        probabilities = judged.probabilities[0]
        sure = float(judged.sure[0]) if len(others) else None
        features, classes = found.features[0], self.bundle.classes
        why = "" if unfamiliar is None else unfamiliar.text
        where = cell.number, cell.box, cell.part
        return Explanation(*where, classes, probabilities, features, maps, why, sure, 1 + len(others))

    def _calibrated(self, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        calibration, single = self.bundle.manifest.calibration, probabilities.astype(np.float32)
        return single if calibration is None else calibration.apply(single)


def index_of(classes: tuple[str, ...], name: str) -> int:
    """Return the index of a class. Raises UserError if there is none of that name."""
    if name not in classes:
        raise UserError(f"the bundle has no class {name!r}; it has {', '.join(classes)}")
    return classes.index(name)
