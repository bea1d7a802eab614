"""Small things about files that every room needs: hashes, and writes that are whole or not at all."""

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
    """SHA-256 of the bytes of the files, one after the other (`cat A B | sha256sum` gives the same)."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` when the block ends well, and is gone else."""
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
    """Give an empty folder beside `to`; it takes the place of `to` when the block ends well, and is gone else.

    `to` must not be `occupied`. What lies beside the given folder goes with the block: room for scratch.
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
    """Whether something is there that must not be overwritten: anything but an empty folder."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def numbered(path: Path) -> Iterator[Path]:
    """Names for one more of a kind, without end: `path`, then the same with -2, -3, ..."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read JSON, or say in one line what could not be read.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it should be {what}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as {what}: {error}") from None
