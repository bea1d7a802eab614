"""Requests of the Open Inference Protocol: one input named `image`, of image files (BYTES) or pixels (UINT8).

In JSON, `data` of BYTES is a list of Base64 texts, each an image file; `data` of UINT8 is a list of numbers, flat or
nested. With the protocol's binary tensor data extension, the tensor follows the JSON as bytes: each file after its
length (4 bytes, little-endian), or the pixels in row-major order. OpenVINO Model Server takes images in the same way.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from edgewbc.pixels import Image
from edgewbc.serve.limits import Limits
from edgewbc.serve.problems import bad_request, too_large
from edgewbc.utils.files import parse_json

INPUT: Final = "image"
LENGTH_HEADER: Final = "inference-header-content-length"
"""Header that tells how many bytes of the body are JSON, where binary data follows."""

Source: TypeAlias = bytes | Image
"""An image file's bytes, or an image in memory: uint8 RGB (height, width, 3)."""


@dataclass(frozen=True)
class Wanted:
    """An output that a client asks for.

    Attributes:
        name: of the output.
        binary: as bytes after the JSON.
    """

    name: str
    binary: bool


@dataclass(frozen=True)
class InferRequest:
    """A request.

    Attributes:
        images: at least one.
        id: of the client, returned as it came; None without one.
        outputs: wanted; None for all.
        binary: whether all outputs are wanted as bytes, where `outputs` does not say otherwise.
        rows: whether an image that cannot be used is a row with status `error`, instead of the end of the request.
    """

    images: tuple[Source, ...]
    id: str | None = None
    outputs: tuple[Wanted, ...] | None = None
    binary: bool = False
    rows: bool = False


def parse(body: bytes, header_length: str | None, limits: Limits) -> InferRequest:
    """Read a request.

    Args:
        body: of the HTTP request.
        header_length: value of `LENGTH_HEADER`; None where the body is JSON alone.
        limits: of the server.

    Raises:
        Problem: it is not a request of the protocol, has another input, or is beyond a limit.
    """
    head, tail = _split(body, header_length)
    if (commas := head.count(b",")) > limits.values:
        raise too_large(
            f"the JSON holds more than {limits.values:,} values ({commas:,}): send pixels as binary data, with "
            f"{LENGTH_HEADER}"
        )
    try:
        values = parse_json(head)
    except UnicodeDecodeError:
        raise bad_request(
            f"the body is not JSON: send image files as Base64 in it, or as binary data after it with {LENGTH_HEADER}"
        ) from None
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(values, dict):
        raise bad_request("the body is not a JSON object")
    inputs = values.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise bad_request(f"inputs must be a list of one tensor, named {INPUT}")
    parameters = _object(values, "parameters")
    binary = _flag(parameters, "binary_data_output")
    errors = parameters.get("errors", "request")
    if errors not in ("request", "rows"):
        raise bad_request("parameters.errors must be request or rows")
    return InferRequest(
        _images(inputs[0], tail, limits), _id(values), _outputs(values, binary), binary, errors == "rows"
    )


def _split(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    """Separate JSON and binary data."""
    if header_length is None:
        return body, memoryview(b"")
    if not header_length.isascii() or not header_length.isdigit() or int(header_length[:12]) > len(body):
        raise bad_request(f"{LENGTH_HEADER}: is not a number of bytes of the body")
    length = int(header_length[:12])
    return body[:length], memoryview(body)[length:]


def _images(tensor: Mapping[str, Any], tail: memoryview, limits: Limits) -> tuple[Source, ...]:
    """Return the images of the input."""
    if tensor.get("name") != INPUT:
        raise bad_request(f"the input must be named {INPUT}")
    shape = tensor.get("shape")
    whole = isinstance(shape, list) and all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
    if not isinstance(shape, list) or not whole:
        raise bad_request("shape must be a list of whole numbers")
    size = _object(tensor, "parameters").get("binary_data_size")
    if (size is None) == ("data" not in tensor):
        raise bad_request("give either data or parameters.binary_data_size")
    if size is not None and (type(size) is not int or size != len(tail)):
        raise bad_request(f"binary_data_size must be the {len(tail)} bytes after the JSON")
    if size is None and len(tail):
        raise bad_request(f"{len(tail)} bytes follow the JSON, and no tensor says that they are its own")
    if not shape or shape[0] < 1:
        raise bad_request("shape must begin with the number of images, 1 or more")
    if shape[0] > limits.images:
        raise too_large(f"{shape[0]} images: send at most {limits.images} in one request")
    match tensor.get("datatype"):
        case "BYTES":
            return _files(shape, tensor["data"] if size is None else tail)
        case "UINT8":
            return _pixels(shape, tensor["data"] if size is None else tail, limits)
    raise bad_request("datatype must be BYTES (image files) or UINT8 (pixels)")


def _files(shape: list[int], data: object) -> tuple[Source, ...]:
    """Return the files of a BYTES tensor (n) or (n, 1)."""
    if shape[1:] not in ([], [1]):
        raise bad_request("shape of BYTES must be [n], an image file each")
    if isinstance(data, memoryview):
        files = tuple(_lengths(data))
    else:
        files = tuple(_base64(index, value) for index, value in enumerate(_flat(data)))
    if len(files) != shape[0]:
        raise bad_request(f"the tensor holds {len(files)} image files, and its shape says {shape[0]}")
    return files


def _flat(data: object) -> list[Any]:
    """Return the elements of a BYTES tensor's data; each may be in a list of its own."""
    if not isinstance(data, list):
        raise bad_request("data must be a list")
    return [each[0] if isinstance(each, list) and len(each) == 1 else each for each in data]


def _base64(index: int, value: object) -> bytes:
    if not isinstance(value, str):
        raise bad_request(f"data[{index}] is not a text: give each image file in Base64")
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(f"data[{index}] is not Base64") from None


def _lengths(data: memoryview) -> Iterator[bytes]:
    """Yield the elements of a BYTES tensor in binary form."""
    while data:
        length = int.from_bytes(data[:4], "little")
        if len(data) < 4 + length:
            raise bad_request("the binary data ends within an image file")
        yield bytes(data[4 : 4 + length])
        data = data[4 + length :]


def _pixels(shape: list[int], data: object, limits: Limits) -> tuple[Source, ...]:
    """Return the images of a UINT8 tensor (n, height, width, 3)."""
    if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
        raise bad_request("shape of UINT8 must be [n, height, width, 3]: RGB images of one size")
    if shape[1] * shape[2] > limits.pixels:
        raise too_large(f"{shape[2]} x {shape[1]} pixels: the limit is {limits.pixels:,}")
    values = np.frombuffer(data, np.uint8) if isinstance(data, memoryview) else _numbers(data, shape)
    if values.size != math.prod(shape):
        raise bad_request(f"the tensor holds {values.size} numbers, and its shape says {math.prod(shape)}")
    return tuple(values.reshape(shape))


def _numbers(data: object, shape: list[int]) -> Image:
    """Return the numbers of a JSON list, flat or nested as the shape is."""
    try:
        numbers = np.asarray(data)
    except (ValueError, OverflowError):  # nested unevenly, or numbers beyond any type
        numbers = np.asarray("")
    if numbers.dtype != np.int64 or list(numbers.shape) not in (shape, [math.prod(shape)]):
        raise bad_request("data of UINT8 must be whole numbers, flat or nested as the shape says")
    if numbers.min() < 0 or numbers.max() > 255:
        raise bad_request("data of UINT8 must be 0 to 255")
    return numbers.astype(np.uint8)


def _outputs(values: Mapping[str, Any], binary: bool) -> tuple[Wanted, ...] | None:
    """Return the outputs that are asked for."""
    outputs = values.get("outputs")
    if outputs is None:
        return None
    found = []
    for each in outputs if isinstance(outputs, list) else (None,):
        if not isinstance(each, dict) or not isinstance(name := each.get("name"), str):
            raise bad_request("outputs must be a list of tensors, each with a name")
        found.append(Wanted(name, _flag(_object(each, "parameters"), "binary_data", binary)))
    return tuple(found)


def _id(values: Mapping[str, Any]) -> str | None:
    name = values.get("id")
    if name is not None and not isinstance(name, str):
        raise bad_request("id must be a text")
    return name


def _object(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise bad_request(f"{name} must be an object")
    return found


def _flag(values: Mapping[str, Any], name: str, default: bool = False) -> bool:
    found = values.get(name, default)
    if not isinstance(found, bool):
        raise bad_request(f"{name} must be true or false")
    return found
