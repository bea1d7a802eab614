"""Read one file of a bundle, from its folder or from a zip of it, whatever the folder or the zip may hold."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path

from edgewbc.bundle import paths
from edgewbc.errors import UserError

LARGEST = 1 << 29
"""Largest file in bytes; a larger one is not read."""
_BLOCK = 1 << 20

# Everything that zipfile raises for a damaged archive
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
)


def read(bundle: Path, name: str) -> bytes:
    """Return a file's bytes, unchecked.

    Args:
        bundle: the folder or the zip.
        name: of the file, relative to the bundle.

    Raises:
        UserError: the file is missing, unreadable, too large, outside the bundle, or not a plain file.
    """
    try:
        return _from_folder(bundle, name) if bundle.is_dir() else _from_zip(bundle, name)
    except (OSError, KeyError) as error:
        reason = "is missing" if isinstance(error, (FileNotFoundError, KeyError)) else f"cannot be read: {error}"
        raise UserError(f"{bundle}: {name} {reason}; is this a complete bundle?") from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{bundle}: neither a bundle's folder nor a readable zip of one: {reason}") from None


def _from_folder(bundle: Path, name: str) -> bytes:
    file = (bundle / name).resolve()
    if not file.is_relative_to(bundle.resolve()):
        raise UserError(f"{bundle}: {name} leads out of the bundle")
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
        raise UserError(f"{bundle}: {name} is not a plain file")
    _check_size(bundle, name, status.st_size)
    return file.read_bytes()


def _from_zip(bundle: Path, name: str) -> bytes:
    with zipfile.ZipFile(bundle) as archive:
        entries = archive.infolist()
        why = paths.problem([entry.filename.removesuffix("/") for entry in entries])
        if why:
            raise UserError(f"{bundle}: {why}")
        info = archive.getinfo(name)
        if stat.S_ISLNK(info.external_attr >> 16) or info.flag_bits & 1:
            raise UserError(f"{bundle}: {name} is not a plain file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(f"{bundle}: {name} uses an unsupported compression method; zip with deflate")
        _check_size(bundle, name, info.file_size)
        # In blocks: a single read unpacks all there is, whatever size the entry declares.
        blocks = []
        with archive.open(info) as file:
            while block := file.read(_BLOCK):
                blocks.append(block)
        return b"".join(blocks)


def _check_size(bundle: Path, name: str, size: int) -> None:
    if size > LARGEST:
        raise UserError(f"{bundle}: {name} is larger than a bundle's file may be ({LARGEST >> 20} MiB)")
