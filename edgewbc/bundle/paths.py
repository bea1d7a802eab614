"""File names of a bundle: fixed names, and checks that a name refers to the same file on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SIGNATURE"
"""Signature of SHA256SUMS; the only file that is not listed there (see `signature`)."""
CARD = "CARD.md"
HEAD = "head.npz"
FAMILIARITY = "familiarity.npz"
GOLDEN = "golden/expected.json"

MAX_FILES = 2000
"""Maximum number of files in a bundle; most of them are golden images."""
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
"""Names that Windows treats as devices, in any folder and with any suffix."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\:*?"<>|]')
"""Characters that Windows does not allow in names, and those that break a line."""


def escapes(name: str) -> bool:
    """Return whether a name could mean, on some system, anything but one plain file below the bundle's folder."""
    path = PurePosixPath(name)
    return (
        path.is_absolute()
        or name != path.as_posix()
        or name == "."
        or bool(_FORBIDDEN.search(name))
        or any(part == ".." or part != part.rstrip(" .") or _DEVICE.fullmatch(part) for part in path.parts)
    )


def problem(names: Iterable[str]) -> str:
    """Return what is wrong with a bundle's file names taken together; empty if nothing is."""
    seen: dict[str, str] = {}
    for name in names:
        if escapes(name):
            return f"{name[:80]!r} may lead out of the bundle"
        # Windows and macOS treat two spellings of a name as one file.
        known = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if len(seen) > MAX_FILES:
            return f"more than {MAX_FILES} files"
        if known is not name:
            return f"{known[:80]!r} and {name[:80]!r} are one file to some systems"
    return ""
