"""Named numpy arrays as a small .npz file, read without pickle and without trusting its headers.

`numpy.load` allocates what a header claims before it reads a byte. Here every name, data type, shape and size is known
beforehand and checked before anything is allocated.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = (np.dtype("<f2"), np.dtype("<f4"), np.dtype("<f8"))
_LONGEST_HEADER = 512
# Everything that zipfile and numpy's reading of a header raise for damaged contents
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    RuntimeError,
    EOFError,
    OverflowError,
    ValueError,
    LookupError,
    TypeError,
    OSError,
)


def write_arrays(arrays: Mapping[str, NDArray[np.floating[Any]]]) -> bytes:
    """Return arrays as the bytes of a compressed .npz; the same arrays give the same bytes (times are fixed)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, array in sorted(arrays.items()):
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            zipped.writestr(info, part.getvalue())
    return file.getvalue()


def read_arrays(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.floating[Any]]]:
    """Read a .npz file that holds exactly these arrays, of float16, float32 or float64 in C order, all numbers finite.

    Args:
        data: contents of the file.
        shapes: shape of each array by its name.

    Raises:
        ValueError: it is damaged or holds anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            found = zipped.infolist()
            if sorted(info.filename for info in found) != sorted(f"{name}.npy" for name in shapes):
                raise ValueError(f"its arrays are not {', '.join(shapes)}")
            return {name: _read(zipped, zipped.getinfo(f"{name}.npy"), shape) for name, shape in shapes.items()}
    except _DAMAGED as error:
        raise ValueError(str(error)[:200] or "it is damaged") from None


def _read(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, shape: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    count = math.prod(shape)
    if info.file_size > 8 * count + _LONGEST_HEADER:
        raise ValueError(f"{info.filename} is too large")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is compressed in an unknown way")
    contents = zipped.read(info)
    file = io.BytesIO(contents)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{info.filename} has an unknown version")
    header: tuple[tuple[int, ...], bool, np.dtype[np.generic]]
    header = np.lib.format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
    found, fortran, kind = header
    if found != shape or (fortran and len(shape) > 1) or kind not in _TYPES:
        raise ValueError(f"{info.filename} is {kind} {found}, not floating-point {shape}")
    values = contents[file.tell() :]
    if len(values) != count * kind.itemsize:
        raise ValueError(f"{info.filename} has {len(values)} bytes of values")
    array: NDArray[np.floating[Any]] = np.frombuffer(values, kind).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{info.filename} holds a value that is not a number")
    return array
