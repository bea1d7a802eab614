"""What was measured about a bundle on this PC, in the user's cache folder: a small JSON file a bundle and limit."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import host
from edgewbc.runtime.openvino_import import openvino
from edgewbc.utils.files import write_json

FORMAT = 1
CACHE = "EDGEWBC_CACHE"

_LARGEST = 1 << 20  # bytes; a larger file is none of ours


def write(bundle: Bundle, limit: int | None, choice: dict[str, Any], measured: list[dict[str, Any]]) -> Path:
    """Keep a choice, and what it was chosen from; the file's path.

    Args:
        bundle: that was measured.
        limit: of threads, under which it was measured; None is none.
        choice, measured: as JSON values.

    Raises:
        OSError: there is no such folder, or it cannot be written to.
    """
    path = _file(bundle, limit)
    write_json(path, {**_facts(bundle, limit), "choice": choice, "measured": measured})
    return path


def read(bundle: Bundle, limit: int | None) -> Any:
    """The choice that was kept; None for what is not there, not readable, or of another PC, version or bundle.

    It is what a file says: whoever asks must see for himself that there is such a choice.
    """
    try:
        with _file(bundle, limit).open("rb") as file:
            told = json.loads(file.read(_LARGEST))
        if any(told[name] != value for name, value in _facts(bundle, limit).items()):
            return None
        return told["choice"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def cache_folder() -> Path:
    """Where this user's programs keep what can be made anew: EDGEWBC_CACHE, or `edgewbc` in the system's place for it.

    Raises:
        OSError: the system does not tell.
    """
    if told := os.environ.get(CACHE):
        return Path(told)
    try:
        home = Path.home()
    except RuntimeError:
        raise OSError("this user has no home folder") from None
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "edgewbc" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "edgewbc"
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else home / ".cache") / "edgewbc"  # what is not absolute is to be ignored


def _file(bundle: Bundle, limit: int | None) -> Path:
    told = f"{_sha256(bundle)} {host.processor()} {limit}"
    return cache_folder() / "tuning" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"


def _facts(bundle: Bundle, limit: int | None) -> dict[str, Any]:
    """What must be as it was for a measurement to hold."""
    return {
        "format": FORMAT,
        "bundle": _sha256(bundle),
        "cpu": host.processor(),
        "cores": host.cores(),
        "openvino": openvino().get_version(),
        "limit": limit,
    }


def _sha256(bundle: Bundle) -> str:
    """Names a bundle by the hashes of all its files."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(bundle.sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
