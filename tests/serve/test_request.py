"""Tests of edgewbc.serve.request: what is read, and that anything else is one line."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.serve.limits import Limits
from edgewbc.serve.problems import Problem
from edgewbc.serve.request import LENGTH_HEADER, InferRequest, Wanted, parse
from tests.serve.client import binary, files, pixels

LIMITS = Limits(images=4, pixels=60)
DATA = [b"one", b"", b"\x00\xff" * 9]


def read(values: Any, limits: Limits = LIMITS) -> InferRequest:
    return parse(json.dumps(values).encode(), None, limits)


def test_image_files_in_both_forms() -> None:
    """Base64 in JSON, in lists of their own or not, and bytes after their lengths."""
    assert read(files(DATA)).images == tuple(DATA)
    nested = [[b64encode(each).decode()] for each in DATA]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [3, 1], "data": nested}
    assert read({"inputs": [tensor]}).images == tuple(DATA)
    body, headers = binary(DATA, id="a", parameters={"binary_data_output": True, "errors": "rows"})
    found = parse(body, headers["inference-header-content-length"], LIMITS)
    assert found == InferRequest(tuple(DATA), "a", None, binary=True, rows=True)


def test_pixels_in_both_forms() -> None:
    """Flat, nested and as bytes: the same images."""
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    nested = pixels(images)
    nested["inputs"][0]["data"] = images.tolist()
    body, headers = binary(images)
    for found in (
        read(pixels(images)),
        read(nested),
        parse(body, headers["inference-header-content-length"], LIMITS),
    ):
        assert len(found.images) == 2
        for image, expected in zip(found.images, images, strict=True):
            assert isinstance(image, np.ndarray)
            assert image.dtype == np.uint8
            np.testing.assert_array_equal(image, expected)


def test_outputs_that_are_wanted() -> None:
    """Each may choose its form; else the request's holds."""
    wanted = [{"name": "label"}, {"name": "status", "parameters": {"binary_data": False}}]
    found = read(files(DATA, outputs=wanted, parameters={"binary_data_output": True}))
    assert found.outputs == (Wanted("label", True), Wanted("status", False))


def changed(**tensor: Any) -> dict[str, Any]:
    values = files([b"x"])
    values["inputs"][0].update(tensor)
    return values


WHITE = pixels(np.full((1, 2, 2, 3), 255, np.uint8))["inputs"][0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "not a JSON object"),
        ({}, "list of one tensor"),
        ({"inputs": []}, "list of one tensor"),
        ({"inputs": [1]}, "list of one tensor"),
        ({"inputs": changed()["inputs"] * 2}, "list of one tensor"),
        (changed(name="images"), "must be named image"),
        (changed(datatype="FP32"), "must be BYTES"),
        (changed(shape=None), "list of whole numbers"),
        (changed(shape=[True]), "list of whole numbers"),
        (changed(shape=[1.0]), "list of whole numbers"),
        (changed(shape=[-1]), "list of whole numbers"),
        (changed(shape=[]), "number of images"),
        (changed(shape=[0], data=[]), "number of images"),
        (changed(shape=[2]), "holds 1 image files, and its shape says 2"),
        (changed(shape=[1, 2]), r"must be \[n\]"),
        (changed(data="eA=="), "must be a list"),
        (changed(data=["e"]), r"data\[0\] is not Base64"),
        (changed(data=["é"]), r"data\[0\] is not Base64"),
        (changed(data=[1]), r"data\[0\] is not a text"),
        (changed(data=[{"b64": "eA=="}]), r"data\[0\] is not a text"),
        (changed(parameters={"binary_data_size": 1}), "either data or"),
        (changed(parameters=[]), "parameters must be an object"),
        ({**changed(), "id": 7}, "id must be a text"),
        ({**changed(), "outputs": ["label"]}, "outputs must be a list"),
        ({**changed(), "parameters": {"errors": "none"}}, "request or rows"),
        ({**changed(), "parameters": {"binary_data_output": 1}}, "true or false"),
        ({"inputs": [{**WHITE, "shape": [1, 4, 3]}]}, r"must be \[n, height, width, 3\]"),
        ({"inputs": [{**WHITE, "shape": [1, 2, 2, 4]}]}, r"must be \[n, height, width, 3\]"),
        ({"inputs": [{**WHITE, "shape": [1, 0, 2, 3]}]}, r"must be \[n, height, width, 3\]"),
        ({"inputs": [{**WHITE, "data": [255] * 11}]}, "flat or nested"),
        ({"inputs": [{**WHITE, "data": [256] * 12}]}, "0 to 255"),
        ({"inputs": [{**WHITE, "data": [-1] * 12}]}, "0 to 255"),
        ({"inputs": [{**WHITE, "data": [0.5] * 12}]}, "whole numbers"),
        ({"inputs": [{**WHITE, "data": [True] * 12}]}, "whole numbers"),
        ({"inputs": [{**WHITE, "data": ["1"] * 12}]}, "whole numbers"),
        ({"inputs": [{**WHITE, "data": [1, [2]] * 6}]}, "flat or nested"),
        ({"inputs": [{**WHITE, "data": [10**30] * 12}]}, "whole numbers"),
    ],
)
def test_what_is_no_request(values: Any, message: str) -> None:
    """It is refused with 400 and one line."""
    with pytest.raises(Problem, match=message) as raised:
        read(values)
    assert raised.value.status == 400
    assert len(raised.value.message.splitlines()) == 1


def test_limits() -> None:
    """Too many images, and images of too many pixels, are refused before they are looked at."""
    with pytest.raises(Problem, match="at most 4") as raised:
        read(changed(shape=[5]))
    assert raised.value.status == 413
    with pytest.raises(Problem, match="limit is 60") as raised:
        read({"inputs": [{**WHITE, "shape": [1, 10, 7, 3]}]})
    assert raised.value.status == 413


def test_json_of_very_many_values_is_refused() -> None:
    """Reading it would hold up all other requests; the same pixels as binary data are taken."""
    small = replace(LIMITS, values=200)
    white = np.full((1, 10, 6, 3), 255, np.uint8)
    assert len(parse(json.dumps(pixels(white)).encode(), None, small).images) == 1
    several = np.concatenate([white, white])
    with pytest.raises(Problem, match="more than 200 values.*binary data") as raised:
        parse(json.dumps(pixels(several)).encode(), None, small)
    assert raised.value.status == 413
    body, headers = binary(several)
    assert len(parse(body, headers["inference-header-content-length"], small).images) == 2


@pytest.mark.parametrize("length", ["x", "-1", "", "99999", "1e3", "²"])
def test_a_wrong_length_of_the_json(length: str) -> None:
    """The header is part of the request."""
    with pytest.raises(Problem, match="not a number of bytes"):
        parse(binary(DATA)[0], length, LIMITS)


def test_damaged_binary_data() -> None:
    """Bytes that nobody claims, sizes that do not fit, and files that end early."""
    body, headers = binary(DATA)
    length = headers["inference-header-content-length"]
    with pytest.raises(Problem, match="after the JSON"):
        parse(body[:-1], length, LIMITS)
    head = json.dumps(files(DATA)).encode()
    with pytest.raises(Problem, match="no tensor says"):
        parse(head + b"more", str(len(head)), LIMITS)
    data = b"\xff\xff\xff\xffabc"
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(Problem, match="ends within an image file"):
        parse(head + data, str(len(head)), LIMITS)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"id":"a","id":"b"}', b'{"id":NaN}', b'{"id":%s}' % (b"9" * 5000)],
)
def test_what_is_no_json(body: bytes) -> None:
    """Also what nests too deeply, names a key twice, or holds what JSON has not."""
    with pytest.raises(Problem, match="not JSON") as raised:
        parse(body, None, LIMITS)
    assert "sys." not in raised.value.message


def test_an_image_file_as_the_whole_request() -> None:
    """The error says how image files are sent."""
    with pytest.raises(Problem, match=f"Base64.*binary data after it with {LENGTH_HEADER}"):
        parse(b"\xff\xd8\xff\xe0\x00\x10JFIF", None, LIMITS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["shape", "data", "name", "parameters", "binary_data_size"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=50)
@given(VALUES, VALUES, st.sampled_from(["BYTES", "UINT8"]), st.binary(max_size=12))
def test_anything_is_a_request_or_a_problem(data: Any, shape: Any, datatype: str, tail: bytes) -> None:
    """No input ends in another error."""
    tensor = {"name": "image", "datatype": datatype, "shape": shape, "data": data}
    sized = {**tensor, "parameters": {"binary_data_size": len(tail)}}
    del sized["data"]
    for inputs in ([tensor], [sized], data):
        head = json.dumps({"inputs": inputs}, allow_nan=True).encode()
        with suppress(Problem):
            assert parse(head + tail, str(len(head)), LIMITS).images
