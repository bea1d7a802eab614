"""The bundle that a slide is counted with where a person names none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases import maps
from edgewbc.cases.file import CaseInfo
from edgewbc.errors import UserError
from edgewbc.lab.run_microscope import FIELD_BUNDLE, fields_among
from edgewbc.utils import resources


def choose(known: CaseInfo | None, names: Sequence[str], say: Callable[[str], None]) -> Bundle:
    """Return the bundle of a count: that of the case if it was begun, else a shipped one that suits the images.

    Fields of a smear need a bundle that locates their cells; images of single cells are counted with the default one.

    Args:
        known: details of the case that is resumed; None for a new one.
        names: image files, of which a sample is looked at.
        say: receives which bundle was chosen, and why.

    Raises:
        UserError: the case was counted with a bundle that does not ship with edgewbc, or no bundle ships at all.
    """
    if known is not None and known.bundle:
        bundle = maps.find_bundle(known)
        if bundle is None:
            raise UserError(
                f"the case {known.case} was counted with the bundle {known.bundle}, which is not shipped with this "
                "edgewbc: name it with --model"
            )
        say(f"model: {bundle.path} (the case was begun with it)")
        return bundle
    located = resources.released_bundles().get(FIELD_BUNDLE)
    fields = None if located is None else fields_among(names)
    if located is None or fields is None or not fields.most:
        path = resources.shipped_bundle()
        say(f"model: {path}")
        return Bundle.open(path)
    say(f"model: {located} (it locates the cells of fields: {fields} are fields of a smear)")
    return Bundle.open(located)


def check(known: CaseInfo | None, bundle: Bundle) -> None:
    """Raise UserError if a case was begun with another bundle than the one that a person named."""
    if known is None or not known.model_sha256 or maps.is_of_case(bundle, known):
        return
    raise UserError(
        f"the case {known.case} was counted with {known.bundle} (model {known.model_sha256[:12]}), and "
        f"{bundle.path} has another model: leave out --model, name the bundle of the case, or count into another "
        "folder with --to"
    )
