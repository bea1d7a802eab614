"""Names of a bundle's files: each must mean one plain file below its folder, on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

MOST_FILES = 2000
"""Of a bundle: the golden pictures are most of them."""
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, in any folder and with any suffix."""
_NEVER = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\:*?"<>|]')
"""What no name on Windows may hold, and what would break a line."""


def leads_out(name: str) -> bool:
    """Whether a name could mean, on some system, anything but one plain file below the bundle's folder."""
    inside = PurePosixPath(name)
    return (
        inside.is_absolute()
        or name != inside.as_posix()
        or name == "."
        or bool(_NEVER.search(name))
        or any(part == ".." or part != part.rstrip(" .") or _DEVICE.fullmatch(part) for part in inside.parts)
    )


def oddity(names: Iterable[str]) -> str:
    """What is wrong with a bundle's names, all together; empty if nothing is."""
    seen: dict[str, str] = {}
    for name in names:
        if leads_out(name):
            return f"{name[:80]!r} may lead out of the bundle"
        # Windows and macOS hold two spellings of a name for one file.
        known = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if len(seen) > MOST_FILES:
            return f"more than {MOST_FILES} files"
        if known is not name:
            return f"{known[:80]!r} and {name[:80]!r} are one file to some systems"
    return ""
