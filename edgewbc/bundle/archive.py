"""Read one file of a bundle, from a folder or a zip, either of which may be damaged or malicious.

Every file has a largest size, by its name, which is checked before it is read: what is parsed (SHA256SUMS, manifest,
golden samples, IR) is small, and only weights may be large.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from edgewbc.bundle import paths
from edgewbc.errors import UserError
from edgewbc.utils.files import open_file, read_bytes

MAX_FILE_BYTES = 1 << 29
"""Largest file in bytes; a larger one is not read."""
_MAX_PARSED_BYTES = {".xml": 64 << 20, ".json": 8 << 20, ".md": 1 << 20, ".png": 32 << 20, paths.SUMS: 1 << 20,
                   paths.SIGNATURE: 1 << 16,                   paths.FAMILIARITY: 32 << 20}  # fmt: skip
"""Largest size in bytes of files that are parsed completely, by suffix or by file name."""
MAX_RATIO = 200
"""Maximum ratio of unpacked to packed bytes in a zip; deflate reaches 1000 with zeros, and weights are not zeros."""
_SMALL = 1 << 20
"""Size in bytes up to which the ratio does not matter."""
_BLOCK = 1 << 20
_MAX_DIRECTORY_BYTES = 4 << 20
"""Largest directory of a zip in bytes: 2000 entries of long names."""

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
        UserError: the file is missing, unreadable, too large, outside the bundle, or not a regular file.
    """
    try:
        return _from_folder(bundle, name) if bundle.is_dir() else _from_zip(bundle, name)
    except (OSError, KeyError) as error:
        reason = "is missing" if isinstance(error, (FileNotFoundError, KeyError)) else f"cannot be read: {error}"
        raise UserError(f"{bundle}: {name} {reason}; is this a complete bundle?") from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{bundle}: neither a bundle's folder nor a readable zip of one: {reason}") from None


def read_optional(bundle: Path, name: str) -> bytes | None:
    """Return a file's bytes as `read` does; None if the bundle has no such file."""
    try:
        return _from_folder(bundle, name) if bundle.is_dir() else _from_zip(bundle, name)
    except (FileNotFoundError, KeyError):
        return None
    except (OSError, *_DAMAGED):
        return read(bundle, name)  # says what is wrong


def largest(name: str) -> int:
    """Return the largest size in bytes that the file of a bundle may have."""
    return min(MAX_FILE_BYTES, _MAX_PARSED_BYTES.get(Path(name).suffix.lower() or name, MAX_FILE_BYTES))


def _from_folder(bundle: Path, name: str) -> bytes:
    file = (bundle / name).resolve()
    if not file.is_relative_to(bundle.resolve()):
        raise UserError(f"{bundle}: {name} leads out of the bundle")
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
        raise UserError(f"{bundle}: {name} is not a plain file")
    _check_size(bundle, name, status.st_size)
    return read_bytes(file, largest(name))


def _from_zip(bundle: Path, name: str) -> bytes:
    with open_file(bundle) as packed:
        _check_directory(packed)
        with zipfile.ZipFile(packed) as archive:
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
            if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
                raise UserError(f"{bundle}: {name} unpacks to more than {MAX_RATIO} times its size in the zip")
            # In blocks: a single read unpacks all there is, whatever size the entry declares.
            blocks = []
            with archive.open(info) as file:
                while block := file.read(_BLOCK):
                    blocks.append(block)
            return b"".join(blocks)


def _check_directory(packed: BinaryIO) -> None:
    """Raise BadZipFile unless a zip's directory, which zipfile reads as a whole, is as small as a bundle's."""
    size = packed.seek(0, 2)
    packed.seek(max(0, size - (1 << 16) - 22 - 20))
    tail = packed.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("it does not end like a zip")
    entries, directory = struct.unpack_from("<HI", tail, at + 10)
    if directory > _MAX_DIRECTORY_BYTES or entries > 2 * paths.MAX_FILES or tail[max(0, at - 20) :][:4] == b"PK\6\7":
        raise zipfile.BadZipFile("its directory is larger than a bundle's")
    packed.seek(0)


def _check_size(bundle: Path, name: str, size: int) -> None:
    if size > largest(name):
        raise UserError(f"{bundle}: {name} is larger than a bundle's file may be ({largest(name) >> 20} MiB)")
