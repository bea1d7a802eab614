"""Cache of measurements and trials of bundles on this PC, in the user's cache folder.

There is one small JSON file of measurements per bundle and thread limit, and one per model that passed its trial.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import host
from edgewbc.runtime.openvino_import import openvino
from edgewbc.utils.files import read_bytes, write_json

FORMAT = 1
CACHE = "EDGEWBC_CACHE"
"""Environment variable that overrides the cache folder."""

_MAX_BYTES = 1 << 20
"""Largest file in bytes that is read; larger ones were not written by this module."""


def write(
    bundle: Bundle, limit: int | None, choice: Mapping[str, object], measured: Sequence[Mapping[str, object]]
) -> Path:
    """Save a choice and the measurements behind it, and return the file's path.

    Args:
        bundle: the measured bundle.
        limit: limit of threads during the measurement; None for no limit.
        choice, measured: as JSON values.

    Raises:
        OSError: the folder does not exist and cannot be created, or cannot be written to.
    """
    path = _file(bundle, limit)
    write_json(path, {**_key(bundle, limit), "choice": dict(choice), "measured": list(measured)})
    return path


def read(bundle: Bundle, limit: int | None) -> Any:
    """Return the saved choice; None if it is missing, unreadable, or from another PC, version or bundle.

    The contents are not validated: the caller must check that there is such a choice.
    """
    try:
        saved = json.loads(read_bytes(_file(bundle, limit), _MAX_BYTES))
        if any(saved[name] != value for name, value in _key(bundle, limit).items()):
            return None
        return saved["choice"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def remember_model(key: Mapping[str, Any]) -> None:
    """Save that a model was tried and can be used (see `trial`).

    Args:
        key: everything that must be unchanged for this to hold, as JSON values.

    Raises:
        OSError: the folder does not exist and cannot be created, or cannot be written to.
    """
    write_json(_model_file(key), dict(key))


def knows_model(key: Mapping[str, Any]) -> bool:
    """Return whether `remember_model` saved this key."""
    try:
        return bool(json.loads(read_bytes(_model_file(key), _MAX_BYTES)) == key)
    except (OSError, ValueError, RecursionError):
        return False


def cache_folder() -> Path:
    """Return the folder for files that can be regenerated: EDGEWBC_CACHE, or `edgewbc` in the system's cache folder.

    Raises:
        OSError: the user has no home folder.
    """
    if override := os.environ.get(CACHE):
        return Path(override)
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
    return (xdg if xdg.is_absolute() else home / ".cache") / "edgewbc"  # the specification: ignore relative paths


def _file(bundle: Bundle, limit: int | None) -> Path:
    name = f"{bundle_hash(bundle)} {host.processor()} {limit}"
    return cache_folder() / "tuning" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _model_file(key: Mapping[str, Any]) -> Path:
    name = json.dumps(key, sort_keys=True)
    return cache_folder() / "models" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _key(bundle: Bundle, limit: int | None) -> dict[str, str | int | None]:
    """Return everything that must be unchanged for a measurement to be valid."""
    return {
        "format": FORMAT,
        "bundle": bundle_hash(bundle),
        "cpu": host.processor(),
        "cores": host.cores(),
        "openvino": openvino().get_version(),
        "limit": limit,
    }


def bundle_hash(bundle: Bundle) -> str:
    """Return a hash that identifies a bundle: over the hashes of all its files."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(bundle.sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
