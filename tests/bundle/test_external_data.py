"""Models that would have other files read are told by their bytes."""

from __future__ import annotations

import pytest

from edgewbc.bundle.external_data import problem


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """A protocol buffers message of fields of bytes or of small numbers."""
    found = b""
    for number, value in fields:
        body = bytes([value]) if isinstance(value, int) else _varint(len(value)) + value
        found += _varint(number << 3 | (0 if isinstance(value, int) else 2)) + body
    return found


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


INSIDE = message((1, 4), (2, 1), (8, b"w"), (9, bytes(16)))
EXTERNAL = message((1, 4), (2, 1), (8, b"w"), (13, message((1, b"location"), (2, b"../../etc/passwd"))), (14, 1))
ONLY_LOCATION = message((8, b"w"), (14, 1))


def models(tensor: bytes) -> dict[str, bytes]:
    """ONNX files that hold a tensor in every place where one may stand."""
    attribute = message((5, message((5, tensor))))
    graph = message((5, tensor))
    return {
        "initializer": message((1, 8), (7, graph)),
        "sparse": message((7, message((15, message((1, tensor)))))),
        "constant": message((7, message((1, attribute)))),
        "list of constants": message((7, message((1, message((5, message((10, tensor)))))))),
        "branch": message((7, message((1, message((5, message((6, graph)))))))),
        "branches": message((7, message((1, message((5, message((11, graph)))))))),
        "function": message((25, message((7, attribute)))),
        "training": message((20, message((1, graph)))),
        "second graph": message((7, message((5, INSIDE))), (7, graph)),
    }


@pytest.mark.parametrize("place", models(INSIDE))
def test_external_data_is_found_wherever_it_stands(place: str) -> None:
    """In initializers, attributes, branches, functions; weights in the file itself are no matter."""
    assert problem("a.onnx", models(INSIDE)[place]) == ""
    for tensor in (EXTERNAL, ONLY_LOCATION):
        assert "keeps weights in other files" in problem("onnx/a.onnx", models(tensor)[place])


@pytest.mark.parametrize("data", [b"\xff", b"\x3a\x05a", b"\x0b", b"\xff" * 20, b"<?xml"])
def test_what_is_no_onnx_file_says_so(data: bytes) -> None:
    """Cut short, of an unknown wire type, a number without end, another kind of file."""
    assert problem("a.onnx", data) == "is not an ONNX file"


def test_graphs_in_graphs_without_end_are_refused() -> None:
    """Branches nest a few deep, not a hundred."""
    graph = message((5, INSIDE))
    for _ in range(60):
        graph = message((1, message((5, message((6, graph))))))
    assert problem("a.onnx", message((7, graph))) == "is not an ONNX file"


@pytest.mark.parametrize(("data", "want"), [(b'<?xml version="1.0"?><net/>', ""), (b"\xef\xbb\xbf <net name='x'>", ""),
                                            (models(EXTERNAL)["initializer"], "is not an OpenVINO IR"),
                                            (b"", "is not an OpenVINO IR")])  # fmt: skip
def test_an_ir_starts_like_one(data: bytes, want: str) -> None:
    """OpenVINO reads whatever it takes for a model; a .xml must be one."""
    assert problem("openvino/int8.xml", data) == want
    assert problem("golden/a.png", data) == ""
