"""`edgewbc classify`: what goes where, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle import Bundle
from tests.lab import samples
from tests.tiny import encode, make_bundle, picture

HEADER = "path,label,probability,neutrophil,lymphocyte,monocyte,eosinophil,basophil,status,reason,model_sha256"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("classify") / "tiny")


@pytest.fixture
def smear(tmp_path: Path) -> Path:
    """A folder of four good pictures, one grey and one cut."""
    folder = tmp_path / "smear"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode(picture(seed)))
    (folder / "grey.png").write_bytes(encode(samples.PLAIN[..., 0]))
    (folder / "cut.jpg").write_bytes(samples.VALID["jpg"][:-40])
    return folder


def test_rows_go_to_stdout_and_the_differential_to_stderr(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path
) -> None:
    """Without --out, stdout is a CSV and nothing else."""
    ran = edgewbc("classify", "--model", bundle.path, smear)
    assert ran.code == 0
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert ran.out.splitlines()[0] == HEADER
    assert [Path(row["path"]).name for row in rows] == ["0.png", "1.png", "2.png", "3.png", "cut.jpg", "grey.png"]
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["error", "review"]
    assert rows[4]["reason"] == "cut short or damaged"
    assert rows[5]["reason"] == "greyscale: the stain's colours are missing"
    assert {row["model_sha256"] for row in rows} == {bundle.model_sha256()}
    for row in rows[:4]:
        assert sum(float(row[name]) for name in bundle.classes) == pytest.approx(1, abs=5e-6)
        assert float(row["probability"]) == max(float(row[name]) for name in bundle.classes)
    assert "4 counted, 1 to review, 1 could not be read" in ran.err


def test_out_writes_the_rows_and_prints_the_differential(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path
) -> None:
    """With --out the file holds what stdout held, and the differential is the result on stdout."""
    plain = edgewbc("classify", "--model", bundle.path, smear)
    ran = edgewbc("classify", "--model", bundle.path, smear, "--out", tmp_path / "new" / "rows.csv", "--batch", "1")
    assert ran.code == 0
    assert (tmp_path / "new" / "rows.csv").read_text(encoding="utf-8") == plain.out
    assert ran.out.splitlines()[0].split() == ["class", "n", "percent", "95", "%", "interval"]
    assert "4 counted, 1 to review, 1 could not be read" in ran.out


def test_json_is_one_object(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """--json prints model, hash, rows and differential, and --out is written all the same."""
    ran = edgewbc(
        "classify", "--model", bundle.path, "--precision", "f32", smear, "--json", "--out", tmp_path / "rows.jsonl"
    )
    assert ran.code == 0
    told = json.loads(ran.out)
    assert sorted(told) == ["differential", "model", "model_sha256", "rows"]
    assert told["model_sha256"] == bundle.model_sha256("openvino", "f32")
    assert told["differential"]["counted"] == 4
    assert told["differential"]["pictures"] == 6
    assert len(told["rows"]) == 6
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == told["rows"]


def test_jsonl_on_stdout(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path) -> None:
    """--jsonl prints an object a line."""
    ran = edgewbc("classify", "--model", bundle.path, smear, "--jsonl", "--threads", "1")
    assert ran.code == 0
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["error", "review"]
    assert rows[4]["probability"] is None


def test_the_newest_bundle_here_is_taken(
    edgewbc: Callable[..., Any], smear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --model the bundle in ./bundles answers, and stderr says so."""
    made = make_bundle(tmp_path / "bundles" / "mine", seed=3)
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("classify", "smear/0.png")
    assert ran.code == 0
    assert made.model_sha256() in ran.out
    assert "model: bundles" in ran.err
    assert next(csv.DictReader(io.StringIO(ran.out)))["path"] == "smear/0.png"


def test_when_nothing_can_be_read_the_exit_code_is_2(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path
) -> None:
    """If every row is an error the rows are still written, and one line says so."""
    ran = edgewbc("classify", "--model", bundle.path, smear / "cut.jpg", "--out", tmp_path / "rows.csv")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("edgewbc: not one of 1 pictures could be read; the first: ")
    assert "cut short or damaged" in (tmp_path / "rows.csv").read_text()


def test_bad_input_is_one_line(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """Missing or empty folders, bundles that are none, unknown precisions: exit code 2, one line, nothing written."""
    (tmp_path / "empty").mkdir()
    for arguments, reason in (
        ([tmp_path / "gone"], "gone: no such file or folder"),
        ([tmp_path / "empty"], "empty: no pictures in this folder"),
        ([smear, "--model", tmp_path / "none"], "none: no such bundle"),
        ([smear, "--model", smear], "SHA256SUMS is missing"),
        ([smear, "--precision", "int4"], "holds no int4 model for openvino; it holds: int8"),
        ([smear, "--out", smear / "0.png"], "is a picture; give --out a file such as cells.csv"),
    ):
        chosen = [] if "--model" in arguments else ["--model", bundle.path]
        out = [] if "--out" in arguments else ["--out", tmp_path / "rows.csv"]
        ran = edgewbc("classify", *chosen, *out, *arguments)
        assert ran.code == 2
        assert ran.out == ""
        (line,) = ran.err.splitlines()
        assert line.startswith("edgewbc: ")
        assert reason in line
        assert not (tmp_path / "rows.csv").exists()
    assert (smear / "0.png").read_bytes() == encode(picture(0))


def test_a_bundle_with_a_wrong_hash_answers_nothing(edgewbc: Callable[..., Any], smear: Path, tmp_path: Path) -> None:
    """A changed model file is refused before a row is printed."""
    made = make_bundle(tmp_path / "b")
    with (made.path / "openvino" / "int8.bin").open("ab") as file:
        file.write(b"x")
    ran = edgewbc("classify", "--model", made.path, smear)
    assert (ran.code, ran.out) == (2, "")
    assert "int8.bin is not the file that was released (wrong hash): copy the bundle anew" in ran.err


def test_nothing_named_is_usage(edgewbc: Callable[..., Any]) -> None:
    """Without a path, and with an impossible batch, the exit code is 2."""
    assert edgewbc("classify").code == 2
    assert edgewbc("classify", "x.png", "--batch", "0").code == 2
