"""Tests of edgewbc.serve.app: the protocol from end to end, in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from edgewbc.images.decode import decode
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.microscope import Microscope
from edgewbc.runtime.predictor import Batch
from edgewbc.serve import app, models
from edgewbc.serve.app import Service
from edgewbc.serve.limits import Limits
from edgewbc.serve.models import ServedModel
from edgewbc.utils import resources
from tests.serve.client import binary, files, outputs, pixels
from tests.serve.test_batcher import wrapped
from tests.tiny import encode, make_bundle, make_image

PNG = encode(make_image(1))
SMALL = Limits(body=100_000, images=8, pixels=10_000, queue=8, memory=250_000, receive=0.3)
ADDRESS = "http://127.0.0.1"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    """Return a tiny model."""
    return ServedModel("tiny", LoadedBundle.load(make_bundle(tmp_path_factory.mktemp("app") / "b"), threads=2))


@pytest.fixture
def client(tiny: ServedModel) -> Iterator[TestClient]:
    """Return a client of a server with a tiny model and small limits."""
    service = Service([tiny], SMALL)
    yield TestClient(app.create(service), base_url=ADDRESS, raise_server_exceptions=False)
    service.close()


def infer(client: TestClient, values: Any, name: str = "tiny") -> Any:
    return client.post(f"/v2/models/{name}/infer", json=values)


@pytest.mark.parametrize("path", sorted(resources.folder("export/bundles").iterdir()), ids=lambda path: path.name)
def test_the_golden_samples_of_a_released_bundle(path: Path) -> None:
    """As files and as pixels, in JSON and in bytes: the label, status and probability of `classify`."""
    from edgewbc.bundle.bundle import Bundle

    bundle = Bundle.open(path)
    scopes = {"": Microscope()} if bundle.pixels.crop == "cell" else {}
    (served,) = models.load({"m": bundle}, scopes, threads=1)
    golden = sorted((path / "golden").glob("*.png"))
    expected = [row for result in served.model.results(golden) for row in served.model.rows(result)]
    data = [file.read_bytes() for file in golden]
    images = np.stack([decode(each).image for each in data])
    service = Service([served], Limits())
    try:
        client = TestClient(app.create(service), base_url=ADDRESS)
        answers = [infer(client, files(data), "m")]
        for body, headers in (binary(data), binary(images, parameters={"binary_data_output": True})):
            answers.append(client.post("/v2/models/m/infer", content=body, headers=headers))
        answers.append(infer(client, pixels(images[:2]), "m"))
    finally:
        service.close()
    for answer in answers:
        found = outputs(answer)
        rows = expected[: len(found["label"])]
        assert found["label"] == [row.label for row in rows]
        assert found["status"] == [row.status for row in rows]
        assert found["counted"] == [row.status == "ok" for row in rows]
        assert found["probability"] == pytest.approx([row.probability for row in rows], abs=1e-5)


def test_health_and_metadata(client: TestClient, tiny: ServedModel) -> None:
    """Server, model and version; what determines a result is among the parameters."""
    assert client.get("/v2").json()["models"] == ["tiny"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for address in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
        assert client.get(f"{address}/ready").json() == {"name": "tiny", "ready": True}
        described = client.get(address).json()
        assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
        assert described["versions"] == ["1"]
        assert described["parameters"]["model_sha256"] == tiny.model.sha256
        assert described["parameters"]["classes"] == list(tiny.classes)
    assert client.post("/v2/models/tiny/versions/1/infer", json=files([PNG])).status_code == 200


def test_an_image_that_cannot_be_used_ends_its_request(client: TestClient) -> None:
    """Nothing of the request is counted; the error says which images and why."""
    answer = infer(client, files([PNG, b"no", PNG, b""]))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "2 of 4 images cannot be used: not an image, or not in a supported format (JPEG, PNG, BMP, GIF, TIFF "
        "and WebP)",
        "code": "bad_image",
        "images": [
            {"image": 1, "reason": "not an image, or not in a supported format (JPEG, PNG, BMP, GIF, TIFF and WebP)"},
            {"image": 3, "reason": "empty file"},
        ],
    }
    assert "edgewbc_cells_total{" not in client.get("/metrics").text


def test_an_image_that_cannot_be_used_as_a_row(client: TestClient) -> None:
    """Where a client asks for it, the others are classified, and the bad one is never counted."""
    found = outputs(infer(client, files([PNG, b"no"], parameters={"errors": "rows"})))
    assert found["status"][1] == "error"
    assert found["counted"][1] is False
    assert (found["label"][1], found["probability"][1]) == ("", 0.0)
    assert found["label"][0]
    assert 'edgewbc_cells_total{model="tiny",status="error"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/models/other", 404, "not_found"),
        ("POST", "/v2/models/other/infer", 404, "not_found"),
        ("POST", "/v2/models/tiny/versions/2/infer", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/v2/models/tiny/", 404, "not_found"),  # no redirect: behind a proxy it would lead elsewhere
        ("POST", "/v2/models/tiny/infer/", 404, "not_found"),
        ("GET", "/v2/models/tiny/infer", 405, "method_not_allowed"),
        ("POST", "/v2", 405, "method_not_allowed"),
        ("POST", "/v2/models/tiny/infer", 400, "bad_request"),
    ],
)
def test_wrong_addresses(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    """Every error is JSON, with one line and a code."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(answer.json()["error"].splitlines()) == 1


def test_limits_of_a_request(client: TestClient) -> None:
    """Bytes, images, pixels, compressed bodies, lengths that are none: refused, and nothing stays in memory."""
    body = b"x" * (SMALL.body + 1)
    assert client.post("/v2/models/tiny/infer", content=body).status_code == 413
    assert client.post("/v2/models/tiny/infer", content=iter([body])).status_code == 413  # without a length
    assert infer(client, files([PNG] * 9)).status_code == 413
    large = infer(client, files([encode(np.zeros((101, 100, 3), np.uint8))]))
    assert (large.status_code, large.json()["code"]) == (400, "bad_image")
    assert "the limit is 10,000" in large.json()["error"]
    packed = client.post("/v2/models/tiny/infer", content=b"", headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415
    text = client.get("/metrics").text
    assert "edgewbc_request_bytes_in_flight 0.0" in text
    assert "edgewbc_images_in_flight 0.0" in text


def test_a_full_queue_refuses_and_loses_nothing(tiny: ServedModel) -> None:
    """Requests beyond the queue get 429 and a time to come again; those that were let in are all answered."""
    gate = threading.Event()

    def wait(_: Batch) -> None:
        gate.wait(20)

    slow = replace(tiny, model=wrapped(tiny.model, wait))
    service = Service([slow], SMALL)
    answers: list[Any] = []
    try:
        client = TestClient(app.create(service), base_url=ADDRESS)
        threads = [threading.Thread(target=lambda: answers.append(infer(client, files([PNG] * 4)))) for _ in range(2)]
        for thread in threads:
            thread.start()
        while service.admission.images < 8:
            gate.wait(0.005)
        refused = infer(client, files([PNG]))
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "busy", "1")
        assert client.get("/v2/health/ready").status_code == 200
        gate.set()
        for thread in threads:
            thread.join(20)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert infer(client, files([PNG] * 8)).status_code == 200
        assert 'edgewbc_requests_total{code="429",model="tiny"} 1.0' in client.get("/metrics").text
    finally:
        gate.set()
        service.close()


def test_a_bug_is_a_structured_error(tiny: ServedModel) -> None:
    """The client gets 500 and no details; the next request is served."""
    broken: list[int] = []

    def fail(_: Any) -> None:
        if not broken:
            broken.append(1)
            raise RuntimeError("secret")

    service = Service([replace(tiny, model=wrapped(tiny.model, fail))], SMALL)
    try:
        client = TestClient(app.create(service), base_url=ADDRESS, raise_server_exceptions=False)
        answer = infer(client, files([PNG]))
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert "secret" not in answer.text
        assert infer(client, files([PNG])).status_code == 200
    finally:
        service.close()


def test_an_id_of_any_text_comes_back(client: TestClient) -> None:
    """Also what UTF-8 cannot say."""
    body = b'{"id":"\\ud800 \xc3\xa9",' + json.dumps(files([PNG])).encode()[1:]
    answer = client.post("/v2/models/tiny/infer", content=body)
    assert answer.json()["id"] == "\ud800 é"
