"""The microscope of a run: the one that a person names, or the one that is learned from the run's images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.microscope import Microscope, learn
from edgewbc.smear.microscope import Profile
from edgewbc.utils.progress import Progress


def named_microscope(file: Path | None, bundle: Bundle) -> Microscope | None:
    """Return the microscope whose profile a person named; None if nobody did.

    Raises:
        UserError: the file is not a profile, or the bundle locates no cells.
    """
    if file is None:
        return None
    if bundle.pixels.crop != "cell":
        raise UserError(
            f"--microscope: {bundle.manifest.name} takes images as they are (crop {bundle.pixels.crop}): leave it out"
        )
    return Microscope.given(Profile.read(file))


def learned_microscope(bundle: Bundle, files: Sequence[str], progress: Progress) -> Microscope:
    """Learn the microscope of a run's images, for a bundle that locates cells."""
    reference = bundle.pixels.reference
    return Microscope() if reference is None else Microscope.learned(learn(files, progress), reference)


def tell_microscope(model: LoadedBundle, say: Callable[[str], None]) -> None:
    """Say what is known of the microscope, and what a person should know before reading any result."""
    reference = model.bundle.pixels.reference
    if model.by_cell and reference is not None:
        say(model.microscope.describe(reference))
        for warning in model.warnings:
            say(warning)
