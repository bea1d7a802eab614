"""Responses of the Open Inference Protocol: a row for each cell, as tensors with a name each.

image          INT32 (n)      position of the cell's image in the request, from 0
label          BYTES (n)      most probable class; empty for status `error`, or where no white cell was located
status         BYTES (n)      ok, review, unfamiliar or error; only `ok` may be counted without a person
counted        BOOL (n)       whether the status is `ok`
reason         BYTES (n)      why the status is not `ok`
probability    FP32 (n)       of the label, the lowest of the views that the bundle looks at; 0 without one
probabilities  FP32 (n, K)    of each class, calibrated; 0 without a label
cell           INT32 (n)      number of the cell in its image, from 1; 0 where the image shows one cell
box            FP32 (n, 4)    left, top, width and height in pixels of the image; 0 where no cell was located
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgewbc.lab.results import ResultRow, Status
from edgewbc.serve.problems import bad_request
from edgewbc.serve.request import LENGTH_HEADER, InferRequest, Wanted

Rows = Sequence[Sequence[ResultRow]]
"""The rows of each image of a request."""
_NOWHERE: Final = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Output:
    """An output of every model.

    Attributes:
        name, datatype: as the protocol has them.
        shape: of one row; K stands for the number of classes.
        values: of a row, in a list; takes the image's position, the row and the classes.
    """

    name: str
    datatype: str
    shape: tuple[int | str, ...]
    values: Callable[[int, ResultRow, Sequence[str]], Sequence[Any]]


OUTPUTS: Final = (
    Output("image", "INT32", (), lambda image, row, _: (image,)),
    Output("label", "BYTES", (), lambda _, row, __: (row.label,)),
    Output("status", "BYTES", (), lambda _, row, __: (str(row.status),)),
    Output("counted", "BOOL", (), lambda _, row, __: (row.status is Status.OK,)),
    Output("reason", "BYTES", (), lambda _, row, __: (row.reason,)),
    Output("probability", "FP32", (), lambda _, row, __: (_rounded(row.probability or 0.0),)),
    Output(
        "probabilities",
        "FP32",
        ("K",),
        lambda _, row, classes: [_rounded(row.probabilities.get(name, 0.0)) for name in classes],
    ),
    Output("cell", "INT32", (), lambda _, row, __: (row.cell,)),
    Output("box", "FP32", (4,), lambda _, row, __: row.box or _NOWHERE),
)
_BY_NAME: Final = {output.name: output for output in OUTPUTS}
_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_TYPES: Final = {"INT32": "<i4", "FP32": "<f4", "BOOL": "u1"}


@dataclass(frozen=True)
class Encoded:
    """A response.

    Attributes:
        body: JSON, and binary data after it.
        headers: of the response.
    """

    body: bytes
    headers: dict[str, str]


def describe(classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the outputs as a model's metadata lists them."""
    return [
        {
            "name": output.name,
            "datatype": output.datatype,
            "shape": [-1, *(len(classes) if size == "K" else size for size in output.shape)],
        }
        for output in OUTPUTS
    ]


def check(request: InferRequest) -> tuple[Wanted, ...]:
    """Return the outputs to send. Raises Problem if a request asks for one that there is not."""
    if not request.outputs:
        return tuple(Wanted(output.name, request.binary) for output in OUTPUTS)
    for wanted in request.outputs:
        if wanted.name not in _BY_NAME:
            raise bad_request(f"there is no output {wanted.name[:80]!r}: there are {', '.join(_BY_NAME)}")
    return request.outputs


def encode(
    name: str, version: str, request: InferRequest, outputs: Sequence[Wanted], rows: Rows, classes: Sequence[str]
) -> Encoded:
    """Write a response.

    Args:
        name, version: of the model.
        request: that it is for.
        outputs: to send, from `check`.
        rows: of each image.
        classes: of the model.
    """
    pairs = [(image, row) for image, found in enumerate(rows) for row in found]
    tensors, parts = [], []
    for wanted in outputs:
        output = _BY_NAME[wanted.name]
        shape = [len(pairs), *(len(classes) if size == "K" else size for size in output.shape)]
        values = [value for image, row in pairs for value in output.values(image, row, classes)]
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": shape}
        tensors.append(tensor)
        if wanted.binary:
            parts.append(_bytes(output.datatype, values))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = values
    found = {"model_name": name, "model_version": version, "outputs": tensors}
    if request.id is not None:
        found["id"] = request.id
    # in ASCII: an id may hold what UTF-8 cannot say
    text = _ENCODER.encode(found).encode("ascii")
    if not parts:
        return Encoded(text, {"content-type": "application/json"})
    headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(text))}
    return Encoded(b"".join([text, *parts]), headers)


def decode_binary(datatype: str, shape: Sequence[int], data: bytes) -> list[Any] | NDArray[Any]:
    """Read a binary tensor of a response: a client's side of `encode`.

    Args:
        datatype, shape: as the response's JSON says.
        data: its bytes.

    Returns:
        Texts for BYTES, else an array of that shape.
    """
    if datatype != "BYTES":
        return np.frombuffer(data, _TYPES[datatype]).reshape(shape)
    found = []
    for _ in range(math.prod(shape)):
        length = int.from_bytes(data[:4], "little")
        found.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    return found


def _bytes(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype != "BYTES":
        return np.asarray(values, _TYPES[datatype]).tobytes()
    texts = (value.encode() for value in values)
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _rounded(value: float) -> float:
    """Round as `classify` does."""
    return round(value, 6)
