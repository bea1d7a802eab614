"""Requests of the Open Inference Protocol, and what a response holds, for tests."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.serve.request import LENGTH_HEADER
from edgewbc.serve.response import decode_binary


def files(images: Sequence[bytes], **more: Any) -> dict[str, Any]:
    """Return the JSON of a request with image files."""
    data = [b64encode(image).decode() for image in images]
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data}], **more}


def pixels(images: NDArray[np.uint8], **more: Any) -> dict[str, Any]:
    """Return the JSON of a request with pixels, uint8 (n, height, width, 3)."""
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(images.shape), "data": images.ravel().tolist()}
    return {"inputs": [tensor], **more}


def binary(images: Sequence[bytes] | NDArray[np.uint8], **more: Any) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request whose tensor follows the JSON as bytes."""
    if isinstance(images, np.ndarray):
        datatype, shape, data = "UINT8", list(images.shape), images.tobytes()
    else:
        datatype, shape = "BYTES", [len(images)]
        data = b"".join(len(image).to_bytes(4, "little") + image for image in images)
    tensor = {"name": "image", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + data, {LENGTH_HEADER: str(len(head))}


def outputs(response: Any) -> dict[str, Any]:
    """Return the outputs of a response by their names, whichever form they have."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get(LENGTH_HEADER, len(response.content)))
    head, tail = response.content[:length], response.content[length:]
    found: dict[str, Any] = {}
    for tensor in json.loads(head)["outputs"]:
        if "data" in tensor:
            found[tensor["name"]] = tensor["data"]
            continue
        size = tensor["parameters"]["binary_data_size"]
        values = decode_binary(tensor["datatype"], tensor["shape"], tail[:size])
        found[tensor["name"]] = values if isinstance(values, list) else values.ravel().tolist()
        tail = tail[size:]
    assert not tail
    return found
