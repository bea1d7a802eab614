"""`edgewbc demo`: the whole chain."""

import csv
import json

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES


@pytest.mark.slow
def test_the_whole_chain(edgewbc, tmp_path, monkeypatch):
    """From no picture at all to a bundle, a table of bench rows and a row for each of the pictures classified."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("demo", "--to", "d", "--cells", "20", "--seconds", "0.1", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    bundle = Bundle.open(tmp_path / "d" / "bundle")
    assert bundle.classes == CLASSES
    assert bundle.verify()
    with (tmp_path / told["result"]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 20
    assert {row["model_sha256"] for row in rows} == {bundle.model_sha256()}
    bench = json.loads((tmp_path / told["bench"]).read_text())
    done = {(row["backend"], row["precision"]) for row in bench["rows"] if "error" not in row}
    assert {("openvino", "int8"), ("onnx", "int8"), ("torch", "f32"), ("openvino", "f32")} <= done
    assert all(row["n"] == 20 for row in bench["rows"] if "error" not in row)


def test_an_occupied_folder_is_left_alone(edgewbc, tmp_path):
    """A folder with something in it is refused in one line."""
    (tmp_path / "mine.txt").write_text("x")
    ran = edgewbc("demo", "--to", tmp_path)
    assert ran.code == 2
    assert ran.err.strip().endswith("is not an empty folder: give another --to")
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]
