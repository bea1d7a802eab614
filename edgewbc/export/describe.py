"""Record in an existing bundle what `export` measures on the training manifest, without touching its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import FORMAT, BundleManifest
from edgewbc.bundle.paths import CARD, FAMILIARITY, MANIFEST
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.export import decision, training_images, validation
from edgewbc.export.card import card
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils.files import write_json, write_text
from edgewbc.utils.progress import Progress, quiet


def show_others(folder: Path, manifest: Manifest, others: Manifest, progress: Progress = quiet) -> None:
    """Show a bundle's familiarity statistics cells of other kinds; rewrite these, manifest, card and checksums.

    All else stays: models, golden samples, calibration, thresholds, and the distance of each cell. No cell that was
    unfamiliar becomes familiar.

    Args:
        folder: folder of the bundle.
        manifest: manifest that its network was trained on.
        others: with cells of other kinds in its training split.
        progress: reports progress.

    Raises:
        UserError: the bundle is damaged, has no statistics, or was trained on another manifest, or `others` has no
            cells of other kinds. Nothing is changed then.
    """
    bundle = _open(folder, manifest)
    before = bundle.familiarity()
    if before is None:
        raise UserError(f"{folder}: has no familiarity statistics that other kinds of cells could be added to")
    predictor = OpenVINOPredictor.from_bundle(bundle)
    found = decision.show(before, predictor, manifest, bundle.classes, bundle.pixels, others, progress)
    described = {**bundle.manifest.to_json(), "familiarity": found.info(FAMILIARITY).to_json()}
    text = card(BundleManifest.from_json(described))
    (folder / FAMILIARITY).write_bytes(found.to_bytes())
    write_json(folder / MANIFEST, described)
    write_text(folder / CARD, text)
    seal(folder)


def _open(folder: Path, manifest: Manifest) -> Bundle:
    """Open and check a bundle's folder. Raises UserError if its network was not trained on the manifest."""
    if not folder.is_dir():
        raise UserError(f"{folder}: is not the folder of a bundle")
    bundle = Bundle.open(folder)
    bundle.verify()
    trained_on = bundle.manifest.trained_on
    if trained_on != manifest.sha256:
        raise UserError(f"{folder}: was trained on another manifest ({str(trained_on)[:12]})")
    return bundle


def describe(
    folder: Path,
    manifest: Manifest,
    *,
    max_error: float | None = None,
    others: Manifest | None = None,
    license: str | None = None,
    progress: Progress = quiet,
) -> None:
    """Record training images, calibration, review threshold and familiarity; rewrite manifest, card and checksums.

    Model files and golden samples keep their hashes, and labels are taken from the views that the bundle takes them
    from. Without validation images only the training images are recorded.

    Args:
        folder: folder of the bundle.
        manifest: manifest that its network was trained on.
        max_error, others: see `decision.measure`.
        license: license of the weights; None keeps the one in the bundle.
        progress: reports progress.

    Raises:
        UserError: the bundle is damaged, is a zip, or was trained on another manifest; or the validation images do not
            guarantee `max_error`. Nothing is changed then.
    """
    bundle = _open(folder, manifest)
    record, trained_on = bundle.manifest.to_json(), bundle.manifest.trained_on
    decision.check_max_error(manifest, max_error)
    decision.check_others(others, bundle.classes)
    trained = training_images.measure_if_known(manifest, trained_on, bundle.pixels, progress)
    described: dict[str, Any] = {
        **record,
        **({} if trained is None else {"training_images": trained.to_json()}),
        **({"weights_license": license} if license else {}),
    }
    found = None
    if any(entry.split == validation.SPLIT for entry in manifest.entries):
        found = decision.measure(
            OpenVINOPredictor.from_bundle(bundle),
            manifest,
            bundle.classes,
            bundle.pixels,
            trained_on=trained_on,
            max_error=max_error,
            others=others,
            label_from=bundle.manifest.label_from,
            progress=progress,
        )
        described.pop("familiarity", None)
        described |= {"format": FORMAT, **found.to_json()}
    text = card(BundleManifest.from_json(described))
    if found is not None:
        found.write(folder)
    write_json(folder / MANIFEST, described)
    write_text(folder / CARD, text)
    seal(folder)
