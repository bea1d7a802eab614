"""Read the metadata of a wheel, and write wheels reproducibly."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.kit.target import PACKAGING
from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import need

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can store


@dataclass(frozen=True)
class Wheel:
    """A wheel file and its metadata.

    Attributes:
        path: path of the file.
        name: normalized name of the package (`opencv-python-headless`).
        version: version from the metadata.
        requires: requirements, with their markers.
        license: license expression, or else the license text or classifiers; `unknown` if there are none.
        info: name of the `.dist-info` folder.
    """

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]
    license: str
    info: str

    @classmethod
    def read(cls, path: Path) -> Wheel:
        """Read a wheel's metadata.

        Raises:
            UserError: the file is not a wheel.
        """
        need("packaging", "edgewbc kit", PACKAGING)
        from packaging.utils import canonicalize_name

        try:
            with zipfile.ZipFile(path) as archive:
                member = next(n for n in archive.namelist() if n.count("/") == 1 and n.endswith(".dist-info/METADATA"))
                metadata = HeaderParser().parsestr(archive.read(member).decode("utf-8"))
            name, version = str(metadata["Name"]), str(metadata["Version"])
        except (OSError, zipfile.BadZipFile, StopIteration, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a wheel that can be read ({error!r}): download it again") from None
        requires = tuple(str(line) for line in metadata.get_all("Requires-Dist", []))
        return cls(path, canonicalize_name(name), version, requires, _license(metadata), member.partition("/")[0])


def _license(metadata: Message) -> str:
    """Return `License-Expression` (PEP 639), else a short `License`, else the license classifiers."""
    expression, short = str(metadata.get("License-Expression", "")), str(metadata.get("License", "")).strip()
    if expression:
        return expression
    if short and "\n" not in short and len(short) <= 80 and short.upper() != "UNKNOWN":
        return short
    classifiers = (str(line) for line in metadata.get_all("Classifier", []))
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    return "; ".join(named) or short.partition("\n")[0][:80] or "unknown"


def write(path: Path, info: str, members: Mapping[str, bytes], executable: Iterable[str] = ()) -> None:
    """Write a wheel with its RECORD, reproducibly: the same members give the same bytes.

    Args:
        path: file to write.
        info: name of its `.dist-info` folder.
        members: contents by name; a RECORD among them is replaced.
        executable: members that get the executable bit.
    """
    record, bits = f"{info}/RECORD", frozenset(executable)
    # The metadata is at the end of a wheel, and RECORD is its last member (PEP 427).
    names = sorted((name for name in members if name != record), key=lambda name: (name.startswith(f"{info}/"), name))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=").decode()
            rows.writerow([name, f"sha256={digest}", len(members[name])])
            archive.writestr(member(name, name in bits), members[name])
        rows.writerow([record, "", ""])
        archive.writestr(member(record), table.getvalue())


def member(name: str, executable: bool = False) -> zipfile.ZipInfo:
    """Return a zip entry that does not depend on the time or the operating system."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, even on Windows: otherwise the permissions are ignored
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    return info
