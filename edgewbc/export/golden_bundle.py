"""Change what an existing bundle says of its golden samples, without touching its models or the samples."""

from __future__ import annotations

from pathlib import Path

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.paths import CARD, MANIFEST
from edgewbc.errors import UserError
from edgewbc.export.card import card
from edgewbc.runtime.golden import GoldenEntry
from edgewbc.utils.files import write_json, write_text


def set_entry(folder: Path, entry: GoldenEntry) -> None:
    """Write tolerances and limits into a bundle's manifest, and renew its card and checksums.

    Model files and golden samples keep their hashes.

    Args:
        folder: folder of the bundle.
        entry: tolerances and limits.

    Raises:
        UserError: the bundle is damaged, or is a zip. Nothing is changed then.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not the folder of a bundle")
    bundle = Bundle.open(folder)
    bundle.verify()
    record = {**bundle.manifest.to_json(), "golden": entry.to_json()}
    text = card(BundleManifest.from_json(record))
    write_json(folder / MANIFEST, record)
    write_text(folder / CARD, text)
    seal(folder)
