"""Images of the review page: thumbnails, cells in their fields, and maps."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edgewbc.cases.case import Case
from edgewbc.cases.cells import CaseCell
from edgewbc.images.decode import decode
from edgewbc.review import app
from edgewbc.review.cell_images import Maps
from tests.review.conftest import ADDRESS, PORT, TOKEN


def test_thumbnails_come_in_one_pack(client: TestClient, folder: Path) -> None:
    """Each with its id and length; length 0 where the crop is missing or was altered."""
    (folder / "crops" / "00001.jpg").unlink()
    (folder / "crops" / "00002.jpg").write_bytes(b"another")
    pack = io.BytesIO(client.get("/api/thumbs?ids=1,2,3,4").content)
    sizes = {}
    while head := pack.read(8):
        number, length = struct.unpack("<II", head)
        data = pack.read(length)
        sizes[number] = decode(data).image.shape if length else None
    assert sizes == {1: (96, 96, 3), 2: None, 3: None, 4: (96, 96, 3)}
    many = ",".join(["1"] * 129)
    assert client.get(f"/api/thumbs?ids={many}").status_code == 400
    assert client.get("/api/thumbs?ids=1,x").status_code == 400


def test_a_cell_in_its_field(client: TestClient, case: Case, folder: Path) -> None:
    """The image with the cell's place as shares; refused if the image is not the one that was counted."""
    answer = client.get("/api/cells/2/field")
    left, top, width, height = (float(value) for value in answer.headers["x-box"].split(","))
    box = case.cell(2).box
    assert box is not None
    assert (left * 720, top * 480, width * 720, height * 480) == pytest.approx(box, abs=0.01)
    path = folder / "images" / "field-0000.jpg"
    path.write_bytes(path.read_bytes() + b"x")
    changed = client.get("/api/cells/2/field")
    assert (changed.status_code, "was changed since" in changed.json()["error"]) == (404, True)
    path.unlink()
    assert client.get("/api/cells/2/field").status_code == 404


def test_images_of_one_cell(client: TestClient, folder: Path) -> None:
    """The crop as it is; no map without a bundle; nothing else."""
    answer = client.get("/api/cells/1/image")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == (folder / "crops" / "00000.jpg").read_bytes()
    assert client.get("/api/cells/1/map").status_code == 404
    assert client.get("/api/cells/1/other").status_code == 404


def test_maps_come_from_the_function_that_is_given(case: Case) -> None:
    """It is called with the cell; the page is told that there are maps."""
    asked: list[int] = []

    def maps(cell: CaseCell) -> bytes:
        asked.append(cell.id)
        return b"\x89PNG"

    client = TestClient(
        app.create(case, TOKEN, PORT, maps=Maps(maps, "what it shows")),
        base_url=ADDRESS,
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert client.get("/api/case").json()["head"]["maps"] == "what it shows"
    assert client.get("/api/cells/3/map").headers["content-type"] == "image/png"
    assert asked == [3]
