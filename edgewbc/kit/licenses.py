"""Collect the license texts of everything in a kit, and list them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from edgewbc.kit.slim import Slimmed
from edgewbc.utils.files import write_text

LIST = "LICENSES.csv"
_TEXT = re.compile(r"(licen[sc]e|copying|notice|third-party)", re.IGNORECASE)
_CODE = {".py", ".pyi", ".pyc", ".so", ".pyd", ".dll"}


@dataclass(frozen=True)
class WheelLicense:
    """The license of a wheel in a kit: a row of `LICENSES.csv`.

    Attributes:
        name, version: of the package.
        license: as its metadata name it.
        wheel: name of the file.
        texts: number of license texts that were copied.
        without: names of the members that were removed from the wheel, separated by spaces.
    """

    name: str
    version: str
    license: str
    wheel: str
    texts: int
    without: str


def gather(wheels: Sequence[Slimmed], to: Path) -> tuple[WheelLicense, ...]:
    """Copy every license text from the wheels to `to/<name>-<version>/`, and write `to/LICENSES.csv`.

    Texts are taken from the wheel's metadata and from the package itself; duplicates are copied once. If a wheel has
    no license text, its METADATA, which names the license, is copied instead.

    Returns:
        One row per wheel, sorted by name.
    """
    rows = []
    for item in sorted(wheels, key=lambda item: (item.wheel.name, item.wheel.path.name)):
        wheel = item.wheel
        texts = _texts(wheel.path, wheel.info)
        for name, text in texts.items():
            file = to / f"{wheel.name}-{wheel.version}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        rows.append(
            WheelLicense(
                wheel.name,
                wheel.version,
                wheel.license,
                wheel.path.name,
                len(texts),
                " ".join(PurePosixPath(name).name for name in item.without),
            )
        )
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(WheelLicense)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    write_text(to / LIST, table.getvalue())
    return tuple(rows)


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
