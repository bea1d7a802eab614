"""Collect the license texts of everything in a kit, and list them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from edgewbc.kit.slim import Slimmed
from edgewbc.utils.files import write_text

LIST = "LICENCES.csv"
_TEXT = re.compile(r"(licen[sc]e|copying|notice|third-party)", re.IGNORECASE)
_CODE = {".py", ".pyi", ".pyc", ".so", ".pyd", ".dll"}


def gather(wheels: Sequence[Slimmed], to: Path) -> list[dict[str, Any]]:
    """Copy every license text from the wheels to `to/<name>-<version>/`, and write `to/LICENCES.csv`.

    Texts are taken from the wheel's metadata and from the package itself; duplicates are copied once. If a wheel has
    no license text, its METADATA, which names the license, is copied instead.

    Returns:
        One row per wheel: name, version, licence, wheel (file name), texts (number of texts), without (removed files).
    """
    rows: list[dict[str, Any]] = []
    for item in sorted(wheels, key=lambda item: (item.wheel.name, item.wheel.path.name)):
        wheel = item.wheel
        texts = _texts(wheel.path, wheel.info)
        for name, text in texts.items():
            file = to / f"{wheel.name}-{wheel.version}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        rows.append(
            {
                "name": wheel.name,
                "version": wheel.version,
                "licence": wheel.licence,
                "wheel": wheel.path.name,
                "texts": len(texts),
                "without": " ".join(PurePosixPath(name).name for name in item.without),
            }
        )
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(to / LIST, table.getvalue())
    return rows


def _texts(path: Path, info: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    seen: set[bytes] = set()
    with zipfile.ZipFile(path) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        # Metadata first, so that its copy of a duplicate is kept.
        for name in sorted(names, key=lambda name: (not name.startswith(info), name)):
            inside = PurePosixPath(name)
            declared = name.startswith(f"{info}/licenses/")
            if not declared and (not _TEXT.search(inside.name) or inside.suffix.lower() in _CODE):
                continue
            text = archive.read(name)
            digest = hashlib.sha256(text).digest()
            if digest not in seen:
                seen.add(digest)
                found[name.removeprefix(f"{info}/").removeprefix("licenses/")] = text
        return found or {"METADATA": archive.read(f"{info}/METADATA")}
