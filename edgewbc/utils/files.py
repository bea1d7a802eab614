"""File utilities: hashes and atomic writes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError


def sha256(*paths: Path) -> str:
    """Return the SHA-256 of the concatenated contents of the files, as `cat A B | sha256sum` does."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that atomically replaces `path` on success and is removed on error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(to: Path) -> Iterator[Path]:
    """Yield a new temporary folder that atomically becomes `to` on success and is removed on error.

    `to` must not be `occupied`. The parent of the temporary folder is removed too, so scratch files can be put there.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as temporary:
        folder = Path(temporary) / "whole"
        folder.mkdir()
        yield folder
        if to.exists():
            to.rmdir()
        folder.rename(to)


def occupied(path: Path) -> bool:
    """Return whether a path exists and is not an empty folder, so that it must not be overwritten."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def numbered(path: Path) -> Iterator[Path]:
    """Yield `path`, then the same path with -2, -3 and so on appended to its name."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def write_text(path: Path, text: str) -> None:
    """Atomically write UTF-8 text with line feeds."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Atomically write indented JSON."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        what: the expected contents, for the error message.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as {what}: {error}") from None
