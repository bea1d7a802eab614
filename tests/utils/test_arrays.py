"""Arrays in a small file: read back, and refused where a header claims what is not there."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.utils.arrays import read_arrays, write_arrays

SHAPES: dict[str, tuple[int, ...]] = {"a": (2, 3), "b": (4,)}
ARRAYS: dict[str, NDArray[np.floating[Any]]] = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.ones(4)}


def zipped(**members: bytes) -> bytes:
    """Return a zip with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    """Return an array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_arrays_are_read_back() -> None:
    """Values and types are kept, and numpy reads the file too."""
    data = write_arrays(ARRAYS)
    found = read_arrays(data, SHAPES)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert write_arrays(ARRAYS) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        np.testing.assert_array_equal(loaded["a"], ARRAYS["a"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "zip"),
        (write_arrays(ARRAYS)[:-40], "zip"),
        (zipped(a=npy(ARRAYS["a"])), "its arrays are not a, b"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.ones(5))), "b.npy is float64"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.ones(4, int))), "b.npy is int64"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.array([None] * 4))), "b.npy is object|too large"),
        (zipped(a=npy(np.asfortranarray(np.ones((2, 3)))), b=npy(np.ones(4))), "a.npy is float64"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.array([1, 2, np.inf, 4]))), "not a number"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.ones(4))[:-1]), "bytes of values"),
        (zipped(a=npy(ARRAYS["a"]), b=npy(np.ones(4)) + bytes(10_000)), "too large"),
        (zipped(a=npy(ARRAYS["a"]), b=b"text"), "magic"),
    ],
)
def test_anything_else_is_refused(data: bytes, message: str) -> None:
    """Damage, other names, types and shapes, values that are not numbers, and more or fewer values than claimed."""
    with pytest.raises(ValueError, match=message):
        read_arrays(data, SHAPES)


def test_a_header_that_claims_a_huge_array_allocates_nothing() -> None:
    """The shape is compared before memory is reserved for it."""
    header = npy(np.ones(4)).replace(b"(4,), }", b"(999999999999,), }")[: 128 + 32]
    with pytest.raises(ValueError, match=r"b\.npy"):
        read_arrays(zipped(a=npy(ARRAYS["a"]), b=header), SHAPES)
