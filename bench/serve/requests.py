"""Requests of the load test, as bytes: good ones with what `classify` says of their images, and many kinds of bad."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.serve.load import GOOD, Kind
from edgewbc.images.encode import encode

WANTED = [{"name": name} for name in ("label", "status", "counted")]


def http(path: str, body: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> bytes:
    """Return a POST request."""
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body) if length is None else length), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def infer(model: str, images: Sequence[bytes]) -> bytes:
    """Return a request with image files as binary data."""
    data = b"".join(len(image).to_bytes(4, "little") + image for image in images)
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [len(images)],
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor], "outputs": WANTED}).encode()
    return http(f"/v2/models/{model}/infer", head + data, {"Inference-Header-Content-Length": str(len(head))})


def expected(labels: Sequence[str]) -> str:
    """Return the part of a response that holds the labels."""
    tensor = {"name": "label", "datatype": "BYTES", "shape": [len(labels)], "data": list(labels)}
    return json.dumps(tensor, separators=(",", ":"))


def good(
    folder: Path, model: str, images: Sequence[bytes], labels: Sequence[str], size: int, also: int = 0
) -> tuple[Kind, ...]:
    """Write requests of `size` images each into a folder; every image is in one (the last ones may be left out)."""
    kinds = []
    for start in range(0, len(images) - size + 1, size):
        file = folder / f"good-{size}-{start}"
        file.write_bytes(infer(model, images[start : start + size]))
        kinds.append(Kind(GOOD, str(file), size, contains=expected(labels[start : start + size]), also=also))
    return tuple(kinds)


def bad(folder: Path, model: str, images: Sequence[bytes]) -> tuple[Kind, ...]:
    """Write bad requests into a folder: damaged images, malformed bodies, too much, and a client that goes away."""
    first = images[0]
    address = f"/v2/models/{model}/infer"
    none = b64encode(first).decode()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [none]}
    gigapixel = encode(np.zeros((1, 1, 3), np.uint8), ".png")
    gigapixel = gigapixel[:16] + (1 << 16).to_bytes(4, "big") * 2 + gigapixel[24:]  # its header alone is looked at
    gray = cv2.imencode(".jpg", np.full((360, 363), 128, np.uint8))[1].tobytes()
    made: dict[str, tuple[bytes, int, str]] = {
        "no image": (infer(model, [images[1], b"not an image", images[2]]), 400, '"code":"bad_image"'),
        "cut off in its header": (infer(model, [first[:150]]), 400, '"code":"bad_image"'),
        "cut off in its pixels": (infer(model, [first[: len(first) // 2]]), 200, '"data":[false]'),
        "gray": (infer(model, [gray]), 200, '"data":[false]'),
        "too many pixels": (infer(model, [gigapixel]), 400, '"code":"bad_image"'),
        "empty file": (infer(model, [b""]), 400, '"code":"bad_image"'),
        "no JSON": (http(address, b"{"), 400, '"code":"bad_request"'),
        "no Base64": (
            http(address, json.dumps({"inputs": [{**tensor, "data": ["?"]}]}).encode()), 400, '"code":"bad_request"',
        ),
        "another datatype": (
            http(address, json.dumps({"inputs": [{**tensor, "datatype": "FP32"}]}).encode()), 400, "BYTES",
        ),
        "another output": (
            http(address, json.dumps({"inputs": [tensor], "outputs": [{"name": "x"}]}).encode()), 400, "no output",
        ),
        "too many images": (
            http(address, json.dumps({"inputs": [{**tensor, "shape": [10**6]}]}).encode()), 413, '"code":"too_large"',
        ),
        "another model": (http("/v2/models/other/infer", b"{}"), 404, '"code":"not_found"'),
        "compressed": (http(address, b"{}", {"Content-Encoding": "gzip"}), 415, "compressed"),
        "client gone": (http(address, first, length=10 * len(first)), 0, ""),
    }  # fmt: skip
    kinds = []
    for number, (name, (data, status, contains)) in enumerate(made.items()):
        file = folder / f"bad-{number}"
        file.write_bytes(data)
        refused = 400 if name == "cut off in its pixels" else 0  # if too little is left
        kinds.append(Kind(name, str(file), 0, status, contains, refused))
    return tuple(kinds)
