"""The reader of protocol buffers: values, and limits on damaged files."""

from __future__ import annotations

import pytest

from edgewbc.bundle import protobuf
from edgewbc.bundle.protobuf import Reader
from tests.protobuf import message, varint


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Return the fields of a message."""
    return [(n, v if isinstance(v, int) else bytes(v)) for n, v in Reader().fields(memoryview(data))]


def test_fields_of_every_kind() -> None:
    """Integers, bytes, and the fixed sizes of 8 and 4 bytes, which are returned as bytes."""
    fixed = varint(3 << 3 | 1) + b"12345678" + varint(4 << 3 | 5) + b"abcd"
    assert fields(message((1, 300), (2, b"xyz")) + fixed) == [
        (1, 300),
        (2, b"xyz"),
        (3, b"12345678"),
        (4, b"abcd"),
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (varint(1 << 3 | 2) + varint(9) + b"short", "cut short"),
        (varint(1 << 3 | 1) + b"1234", "cut short"),
        (varint(1 << 3 | 3), "wire type 3"),
        (b"\x08" + b"\xff" * 10, "more than 10 bytes"),
    ],
)
def test_damaged_messages_are_refused(data: bytes, problem: str) -> None:
    """A field that is longer than the file, an unknown kind, and a number without an end."""
    with pytest.raises(ValueError, match=problem):
        fields(data)


def test_a_number_that_ends_with_the_file_is_refused() -> None:
    """The rest of the number is missing."""
    with pytest.raises(IndexError):
        fields(b"\x08\x80")


def test_the_number_of_fields_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for all messages of a reader together."""
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 3)
    reader, data = Reader(), memoryview(message((1, 1), (1, 2)))
    assert len(list(reader.fields(data))) == 2
    with pytest.raises(ValueError, match="too many fields"):
        list(reader.fields(data))
