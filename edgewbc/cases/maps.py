"""Class activation maps of the cells of a case, each over the cell's crop: what the review page shows on a key."""

from __future__ import annotations

import threading
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases.cells import CaseCell
from edgewbc.cases.file import CaseInfo
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import read
from edgewbc.lab.explain import Explainer
from edgewbc.lab.microscope import Microscope
from edgewbc.utils import resources

SIDE = 480
"""Longer side of the image of a map, in pixels."""


class CaseMaps:
    """Draws the map of a cell of a case, with the model that classified it. Safe for several threads.

    The model is compiled when the first map is asked for.
    """

    def __init__(self, info: CaseInfo, bundle: Bundle, threads: int | None = 1) -> None:
        """Use the bundle that a case was counted with.

        Args:
            info: of the case.
            bundle: its bundle.
            threads: inference threads.

        Raises:
            UserError: the bundle has another model than the case.
        """
        if not is_of_case(bundle, info):
            raise UserError(
                f"{bundle.path}: is not the bundle that the case {info.case} was counted with ({info.bundle}, "
                f"model {info.model_sha256[:12]}): name that one with --model"
            )
        self._info, self._bundle, self._threads = info, bundle, threads
        self._explainer: Explainer | None = None
        self._lock = threading.Lock()

    def __call__(self, cell: CaseCell) -> bytes:
        """Return the map of a cell over the part of its image that the crop shows, as a PNG.

        It is the map of the label that the cell has, if the network knows that label, else of the software's.

        Raises:
            UserError: the image is gone, is another one than when it was counted, or cannot be read; or the model has
                no map in closed form.
        """
        try:
            contents = read(cell.image)
            image = decode(contents.data).image
        except ImageError as error:
            raise UserError(f"{cell.image}: {error}") from None
        if contents.sha256 != cell.image_sha256:
            raise UserError(f"{cell.image}: is not the image that was counted: it was changed since")
        with self._lock:
            explainer = self._explainer = self._explainer or self._load()
        wanted = cell.label if cell.label in self._bundle.classes else cell.machine
        return explainer.png(image, cell.box, wanted, cell.window, SIDE)

    def _load(self) -> Explainer:
        stored = self._info.settings.get("microscope")
        try:
            microscope = Microscope() if stored is None else Microscope.from_json(stored)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise UserError(f"the case {self._info.case} has a damaged microscope profile: {error!r}") from None
        precision = self._info.precision or None
        return Explainer(self._bundle, precision=precision, profile=microscope.profile, threads=self._threads)


def is_of_case(bundle: Bundle, info: CaseInfo) -> bool:
    """Return whether a case was counted with this bundle's model."""
    precision = info.precision or None
    try:
        return bundle.model_sha256("openvino", precision) == info.model_sha256
    except UserError:
        return False


def find_bundle(info: CaseInfo, given: Path | None = None) -> Bundle | None:
    """Return the bundle that a case was counted with: the given one, else a shipped one; None if it is not here.

    Raises:
        UserError: the given one cannot be opened, or is another.
    """
    if given is not None:
        bundle = Bundle.open(given)
        CaseMaps(info, bundle)
        return bundle
    for path in sorted(resources.folder("export/bundles").iterdir()):
        if path.name == info.bundle:
            bundle = Bundle.open(path)
            return bundle if is_of_case(bundle, info) else None
    return None
