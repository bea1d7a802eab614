"""Tests of edgewbc.bundle.external_data."""

from __future__ import annotations

import pytest

from edgewbc.bundle.external_data import problem
from tests.protobuf import message

INSIDE = message((1, 4), (2, 1), (8, b"w"), (9, bytes(16)))
EXTERNAL = message((1, 4), (2, 1), (8, b"w"), (13, message((1, b"location"), (2, b"../../etc/passwd"))), (14, 1))
ONLY_LOCATION = message((8, b"w"), (14, 1))


def models(tensor: bytes) -> dict[str, bytes]:
    """Return ONNX files with a tensor in each place that can hold one."""
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
def test_finds_external_data_in_every_place(place: str) -> None:
    """It is found in initializers, attributes, branches and functions; weights in the file itself are accepted."""
    assert problem("a.onnx", models(INSIDE)[place]) == ""
    for tensor in (EXTERNAL, ONLY_LOCATION):
        assert "keeps weights in other files" in problem("onnx/a.onnx", models(tensor)[place])


@pytest.mark.parametrize("data", [b"\xff", b"\x3a\x05a", b"\x0b", b"\xff" * 20, b"<?xml"])
def test_other_data_is_not_an_onnx_file(data: bytes) -> None:
    """Truncated data, an unknown wire type, an endless number and another format are refused."""
    assert problem("a.onnx", data) == "is not an ONNX file"


def test_deeply_nested_graphs_are_refused() -> None:
    """Sixty levels of branches are refused."""
    graph = message((5, INSIDE))
    for _ in range(60):
        graph = message((1, message((5, message((6, graph))))))
    assert problem("a.onnx", message((7, graph))) == "is not an ONNX file"


@pytest.mark.parametrize(("data", "want"), [(b'<?xml version="1.0"?><net/>', ""), (b"\xef\xbb\xbf <net name='x'>", ""),
                                            (models(EXTERNAL)["initializer"], "is not an OpenVINO IR"),
                                            (b"", "is not an OpenVINO IR")])  # fmt: skip
def test_an_ir_must_start_like_one(data: bytes, want: str) -> None:
    """OpenVINO detects the format itself; a .xml must be an IR."""
    assert problem("openvino/int8.xml", data) == want
    assert problem("golden/a.png", data) == ""
