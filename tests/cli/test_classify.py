"""Tests of `edgewbc classify`: outputs and exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.utils import resources
from tests.lab import samples
from tests.tiny import encode, make_bundle, make_image
from tests.waiting import HEEDS_CTRL_C, until

HEADER = "path,label,probability,neutrophil,lymphocyte,monocyte,eosinophil,basophil,status,reason,model_sha256"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("classify") / "tiny")


@pytest.fixture
def smear(tmp_path: Path) -> Path:
    """Return a folder of four good images, a grayscale one and a truncated one."""
    folder = tmp_path / "smear"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode(make_image(seed)))
    (folder / "gray.png").write_bytes(encode(samples.PLAIN[..., 0]))
    (folder / "cut.jpg").write_bytes(samples.VALID["jpg"][:-40])
    return folder


def test_rows_go_to_stdout_and_the_differential_to_stderr(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path
) -> None:
    """Without --out, stdout has only the CSV."""
    ran = edgewbc("classify", "--model", bundle.path, smear)
    assert ran.code == 0
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert ran.out.splitlines()[0] == HEADER
    assert [Path(row["path"]).name for row in rows] == ["0.png", "1.png", "2.png", "3.png", "cut.jpg", "gray.png"]
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["error", "review"]
    assert rows[4]["reason"] == "truncated or damaged"
    assert rows[5]["reason"] == "grayscale: the stain's colors are missing"
    assert {row["model_sha256"] for row in rows} == {bundle.model_sha256()}
    for row in rows[:4]:
        assert sum(float(row[name]) for name in bundle.classes) == pytest.approx(1, abs=5e-6)
        assert float(row["probability"]) == max(float(row[name]) for name in bundle.classes)
    assert "4 counted, 1 to review, 1 could not be read" in ran.err


def test_classes_that_hold_no_white_cells_are_named(edgewbc: Callable[..., Any], smear: Path, tmp_path: Path) -> None:
    """The differential knows two of them; any other is counted, and the user is told."""
    made = make_bundle(tmp_path / "odd", classes=("neutrophil", "plt-nrbc", "platelet", "a&b"))
    ran = edgewbc("classify", "--model", made.path, smear)
    assert ran.code == 0
    said = [line for line in ran.err.splitlines() if "counted as white cells" in line]
    assert said == ["plt-nrbc: counted as white cells, although the name of the class says otherwise"]


def test_out_writes_the_rows_and_prints_the_differential(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path
) -> None:
    """With --out the rows are written to the file, and stdout has the differential."""
    plain = edgewbc("classify", "--model", bundle.path, smear)
    ran = edgewbc("classify", "--model", bundle.path, smear, "--out", tmp_path / "new" / "rows.csv", "--batch", "1")
    assert ran.code == 0
    assert (tmp_path / "new" / "rows.csv").read_text(encoding="utf-8") == plain.out
    assert ran.out.splitlines()[0].split() == [
        *("class", "n", "percent", "95", "%", "interval"),
        *("with", "review", "percent"),
    ]
    assert "model: tiny (" in ran.out
    assert "4 counted, 1 to review, 1 could not be read" in ran.out


def test_json_is_one_object(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """--json prints model, hash, rows and differential; --out is written too."""
    ran = edgewbc(
        "classify", "--model", bundle.path, "--precision", "f32", smear, "--json", "--out", tmp_path / "rows.jsonl"
    )
    assert ran.code == 0
    printed = json.loads(ran.out)
    assert sorted(printed) == [
        "differential", "left_out", "model", "model_sha256", "not_searched", "rows", "verdict",
    ]  # fmt: skip
    assert printed["model_sha256"] == bundle.model_sha256("openvino", "f32")
    assert printed["differential"]["counted"] == 4
    assert printed["differential"]["pictures"] == 6
    assert len(printed["rows"]) == 6
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == printed["rows"]


def test_jsonl_on_stdout(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path) -> None:
    """--jsonl prints one object per line."""
    ran = edgewbc("classify", "--model", bundle.path, smear, "--jsonl", "--threads", "1")
    assert ran.code == 0
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["error", "review"]
    assert rows[4]["probability"] is None


def test_bundle_in_the_working_folder_is_not_used(
    edgewbc: Callable[..., Any], smear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --model the shipped bundle is used even if ./bundles exists, and stderr names it."""
    make_bundle(tmp_path / "bundles" / "mine", seed=3)
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("classify", "smear/0.png")
    assert ran.code == 0
    shipped = resources.shipped_bundle()
    assert Bundle.open(shipped).model_sha256() in ran.out
    assert f"model: {shipped}" in ran.err
    assert next(csv.DictReader(io.StringIO(ran.out)))["path"] == "smear/0.png"


def test_unreadable_images_exit_2(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """If every row is an error, the rows are written and stderr has one line about it."""
    ran = edgewbc("classify", "--model", bundle.path, smear / "cut.jpg", "--out", tmp_path / "rows.csv")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("edgewbc: none of 1 images could be read; the first: ")
    assert "truncated or damaged" in (tmp_path / "rows.csv").read_text()


def test_errors_are_one_line(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """Missing or empty folders, invalid bundles and unknown precisions have exit code 2 and an error of one line."""
    (tmp_path / "empty").mkdir()
    for arguments, reason in (
        ([tmp_path / "gone"], "gone: no such file or folder"),
        (["s3://bucket/a.png"], "is a URL: write it into a text file, and give --list FILE --urls --engine ray"),
        ([tmp_path / "empty"], "empty: no images in this folder"),
        ([smear, "--model", tmp_path / "none"], "none: no such bundle"),
        ([smear, "--model", smear], "SHA256SUMS is missing"),
        ([smear, "--precision", "int4"], "holds no int4 model for openvino; it holds: int8"),
        ([smear, "--out", smear / "0.png"], "is an image; give --out a file such as cells.csv"),
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
    assert (smear / "0.png").read_bytes() == encode(make_image(0))


def test_bundle_with_a_wrong_hash_is_refused(edgewbc: Callable[..., Any], smear: Path, tmp_path: Path) -> None:
    """A changed model file is refused before a row is printed."""
    made = make_bundle(tmp_path / "b")
    with (made.path / "openvino" / "int8.bin").open("ab") as file:
        file.write(b"x")
    ran = edgewbc("classify", "--model", made.path, smear)
    assert (ran.code, ran.out) == (2, "")
    assert "int8.bin is not the file that was released (wrong hash): copy the bundle again" in ran.err


def test_missing_path_and_invalid_batch_are_usage_errors(edgewbc: Callable[..., Any]) -> None:
    """The exit code is 2."""
    assert edgewbc("classify").code == 2
    assert edgewbc("classify", "x.png", "--batch", "0").code == 2


def test_same_command_resumes(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """With --out a journal is kept next to it: a second run classifies only changed images and rewrites the file."""
    out, base = tmp_path / "cells.csv", ["classify", "--model", bundle.path, smear]
    first = edgewbc(*base, "--out", out)
    assert (first.code, f"journal: {out}.journal" in first.err) == (0, True)
    assert "resuming" not in first.err
    before = out.read_bytes()
    out.unlink()
    assert "6 of 6 images are in the journal; 0 to classify" in edgewbc(*base, "--out", out).err
    assert out.read_bytes() == before
    (smear / "2.png").write_bytes(encode(make_image(22)))
    assert "5 of 6 images are in the journal; 1 to classify" in edgewbc(*base, "--out", out).err
    assert edgewbc(*base, "--out", tmp_path / "other.csv").code == 0
    assert out.read_bytes() == (tmp_path / "other.csv").read_bytes() != before
    lines = edgewbc(*base, "--out", tmp_path / "rows.jsonl", "--journal", f"{out}.journal")
    assert "6 of 6" in lines.err
    assert not (tmp_path / "rows.jsonl.journal").exists()
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 6


def test_journal_without_out(edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path) -> None:
    """--journal alone records the results and does not change stdout."""
    plain = edgewbc("classify", "--model", bundle.path, smear)
    for message in ("", "6 of 6 images are in the journal"):
        ran = edgewbc("classify", "--model", bundle.path, smear, "--journal", tmp_path / "j")
        assert (ran.code, ran.out) == (0, plain.out)
        assert message in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j", "smear"]


def test_journal_of_another_model_is_refused(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path
) -> None:
    """Another precision is another model: exit code 2, an error of one line, and the previous rows stay."""
    out = tmp_path / "cells.csv"
    assert edgewbc("classify", "--model", bundle.path, smear, "--out", out).code == 0
    before = out.read_bytes()
    ran = edgewbc("classify", "--model", bundle.path, "--precision", "f32", smear, "--out", out)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith(f"edgewbc: {out}.journal: holds results of another model or other settings (model_sha256 ")
    assert out.read_bytes() == before


def test_full_disk_is_one_line(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk for the journal or the results file: exit code 2, one line, and all results so far are kept."""
    from edgewbc.lab.journal_file import JournalFile

    out = tmp_path / "cells.csv"
    arguments = ["classify", "--model", bundle.path, smear, "--out", out, "--batch", "1"]
    begin = JournalFile._open

    def small(self: JournalFile, settings: Any) -> Any:
        known = begin(self, settings)
        (count,) = self.database.execute("PRAGMA page_count").fetchone()
        self.database.execute(f"PRAGMA max_page_count = {count + 2}")
        return known

    for n in range(100):
        (smear / f"more{n}.png").write_bytes(encode(make_image(n)))

    with monkeypatch.context() as patch:
        patch.setattr(JournalFile, "_open", small)
        ran = edgewbc(*arguments)
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == (
        f"edgewbc: {out}.journal: the disk is full; every result so far is kept: free some space and run the same "
        "command again to resume"
    )
    assert not out.exists()

    def no_room(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        ran = edgewbc(*arguments)
        assert ran.code == 2
    (kept,) = re.findall(r"^resuming: (\d+) of 106 images are in the journal", ran.err)
    assert 5 < int(kept) < 100
    assert ran.err.splitlines()[-1] == f"edgewbc: {out}: cannot be written: No space left on device"
    assert not out.exists()
    ran = edgewbc(*arguments)
    assert ran.code == 0
    assert "106 of 106 images are in the journal; 0 to classify" in ran.err


def test_invalid_output_paths_are_one_line(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path
) -> None:
    """A file in place of the folder, and a journal with an image's name or among the images, are refused."""
    (tmp_path / "file").touch()
    (tmp_path / "j").touch()
    for arguments, reason in (
        (["--out", tmp_path / "file" / "cells.csv"], "cannot be written: "),
        (["--journal", smear / "0.png"], "give --journal a file of its own"),
        (["--journal", tmp_path / "j", tmp_path / "j"], "is where results are written"),
    ):
        ran = edgewbc("classify", "--model", bundle.path, smear, *arguments)
        assert (ran.code, ran.out) == (2, "")
        (line,) = ran.err.splitlines()
        assert reason in line


def test_json_equals_that_of_json_dumps(
    edgewbc: Callable[..., Any], bundle: Bundle, smear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is written row by row, with the same layout as other commands, and no journal is left."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("classify", "--model", bundle.path, smear, "--json")
    assert ran.out == json.dumps(json.loads(ran.out), indent=1, ensure_ascii=False) + "\n"
    assert list(json.loads(ran.out)) == [
        "model", "model_sha256", "rows", "verdict", "differential", "left_out", "not_searched",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["smear"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.parametrize("how", ["out", "csv", "jsonl", "json"])
def test_watch_until_interrupted(bundle: Bundle, smear: Path, tmp_path: Path, how: str) -> None:
    """`--watch` classifies present and new images; Ctrl-C stops it with exit code 0 and the differential."""
    options = {"out": ["--out", str(tmp_path / "cells.csv")], "csv": [], "jsonl": ["--jsonl"], "json": ["--json"]}[how]
    child = subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C, "classify", "--model", str(bundle.path), "--watch", str(smear), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    early = ""
    with child:
        assert child.stderr is not None
        assert child.stderr.readline().startswith(f"watching {smear}; press Ctrl-C to stop")
        (smear / "cut.jpg").unlink()  # it would have its row after some seconds only
        (smear / "new.png").write_bytes(encode(make_image(9)))
        if how == "out":
            until(lambda: (tmp_path / "cells.csv").exists() and "new.png" in (tmp_path / "cells.csv").read_text())
        elif how == "json":
            time.sleep(3)
        else:
            assert child.stdout is not None
            while "new.png" not in (early := early + child.stdout.readline()):
                pass
        child.send_signal(signal.SIGINT)
        rest, err = child.communicate(timeout=60)
    out = early + rest
    assert child.returncode == 0, err
    assert "stopped" in err
    names = ["0.png", "1.png", "2.png", "3.png", "gray.png", "new.png"]
    if how == "json":
        printed = json.loads(out)
        assert sorted(Path(row["path"]).name for row in printed["rows"]) == names
        assert printed["differential"]["counted"] == 5
        return
    assert "5 counted, 1 to review, 0 could not be read" in (out if how == "out" else err)
    if how == "jsonl":
        rows = [json.loads(line) for line in out.splitlines()]
    else:
        text = (tmp_path / "cells.csv").read_text(encoding="utf-8") if how == "out" else out
        assert text.splitlines()[0] == HEADER
        rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(Path(row["path"]).name for row in rows) == names
