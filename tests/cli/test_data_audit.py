"""Tests of `edgewbc data audit`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc.data.manifest import Manifest
from tests import colored
from tests.data.test_label_audit import make_run
from tests.tiny import encode, make_image

Run = Callable[..., Any]
WRONG = (1, 30, 70)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Return a manifest of eighty colored discs, of which those at `WRONG` have a wrong label."""
    made = colored.make_manifest(tmp_path / "images")
    wrong = {name: made.classes[(i + 1) % 5] for i, name in enumerate(made.classes)}
    entries = tuple(replace(e, label=wrong[e.label]) if i in WRONG else e for i, e in enumerate(made.entries))
    replace(made, entries=entries).write(tmp_path / "m")
    return tmp_path / "m"


@pytest.fixture
def run(cells: Path, tmp_path: Path) -> Path:
    """Return a run with random weights, whose lineage says that it was trained on the cells."""
    make_run(tmp_path / "run", manifest_sha256=Manifest.read(cells).sha256, source="colored")
    return tmp_path / "run"


@pytest.fixture
def drawn(edgewbc: Run, tmp_path: Path) -> Path:
    """Return a folder of synthetic cells that the command drew."""
    assert edgewbc("data", "synth", "--to", tmp_path / "c", "--cells", 10, "--size", 32, "--fields", 1).code == 0
    return tmp_path / "c"


def test_audit_of_a_clean_manifest(edgewbc: Run, drawn: Path) -> None:
    """Exit code 0, as text and as JSON, with the manifest as argument or --data; both together are an error."""
    assert "no leak" in edgewbc("data", "audit", drawn).out
    ran = edgewbc("data", "audit", "--data", drawn, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["thresholds"] == {"phash_bits": 12, "correlation": 0.9}
    assert edgewbc("data", "audit", drawn, "--data", drawn.parent).code == 2


def test_audit_exits_3_for_a_leak(edgewbc: Run, tmp_path: Path) -> None:
    """Copies in several splits are printed, as text or as JSON, and the exit code is 3."""
    (tmp_path / "p/monocyte").mkdir(parents=True)
    for i in range(10):
        (tmp_path / f"p/monocyte/{i}.png").write_bytes(encode(make_image(i // 10)))
    made = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "m", "--protocol", "poster")
    assert made.code == 0
    ran = edgewbc("data", "audit", tmp_path / "m")
    assert ran.code == 3
    assert "LEAKS" in ran.out
    assert "leak (protocol poster)" in ran.err
    ran = edgewbc("data", "audit", tmp_path / "m", "--json", "--no-near")
    assert ran.code == 3
    assert json.loads(ran.out)["counts"]["exact_leaks"] == 1


def test_audit_exits_2_for_a_changed_image(edgewbc: Run, drawn: Path) -> None:
    """An image that differs from the manifest is reported, and the exit code is 2."""
    (drawn / "cells/monocyte/slide00_00000.png").write_bytes(b"")
    ran = edgewbc("data", "audit", drawn, "--no-near")
    assert ran.code == 2
    assert "changed: cells/monocyte/slide00_00000.png" in ran.out


def test_labels_are_ranked(edgewbc: Run, cells: Path, run: Path, tmp_path: Path) -> None:
    """The wrong labels come first, and the output warns that the features were trained on them."""
    ran = edgewbc("data", "audit", cells, "--labels", run, "--to", tmp_path / "o", "--folds", 3, "--no-near")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("label audit of 80 cells in 80 groups, protocol grouped, manifest ")
    assert lines[4].startswith("NOTE: the features were trained on these labels: too few labels are flagged")
    assert ran.err.splitlines()[-1].startswith(f"review: {tmp_path / 'o' / 'sheet.html'}")
    with (tmp_path / "o/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    entries = Manifest.read(cells).entries
    assert {row["path"] for row in rows[:3]} == {entries[index].path for index in WRONG}
    assert [row["flagged"] for row in rows[:3]] == ["yes"] * 3
    assert len(rows) == 80
    again = edgewbc("data", "audit", cells, "--labels", run, "--to", tmp_path / "o")
    assert (again.code, again.err.count("\n"), again.out) == (2, 1, "")
    assert "give another --to" in again.err


def test_labels_as_json(edgewbc: Run, cells: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """stdout has one JSON object, which --out writes too; the default folder has the name of the source."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("data", "audit", cells, "--labels", run, "--folds", 3, "--no-near", "--json", "--out", "o.json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert summary.pop("folder") == str(Path("label-audits/colored"))
    assert json.loads(Path("o.json").read_text()) == summary
    assert (summary["features"]["saw_these_labels"], summary["folds"], summary["near_checked"]) == ("yes", 3, False)
    assert summary["flagged"] == len(summary["ranked"]) >= 3
    assert Path("label-audits/colored/sheet.png").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "nowhere"), "nowhere: not a run folder"),
        (("--to", "o"), "--to, --center and --scale require --labels RUN"),
    ],
)
def test_errors_of_the_label_audit_are_one_line(
    edgewbc: Run, cells: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """Exit code 2, an error of one line, and no files."""
    ran = edgewbc("data", "audit", cells, *options)
    assert (ran.code, ran.err.count("\n"), ran.out) == (2, 1, "")
    assert message in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "m"]


def test_label_audit_requires_two_classes_and_groups(edgewbc: Run, cells: Path, run: Path, tmp_path: Path) -> None:
    """A manifest of one class, or with a class of one image, is an error of one line."""
    made = Manifest.read(cells)
    for name, entries, message in (
        ("one", [e for e in made.entries if e.label == "monocyte"], "only of class 'monocyte'"),
        ("few", [*made.entries[2:10], made.entries[-1]], "class 'basophil' has only one group"),
    ):
        replace(made, entries=tuple(entries)).write(tmp_path / name)
        ran = edgewbc("data", "audit", tmp_path / name, "--labels", run, "--to", tmp_path / "o")
        assert (ran.code, ran.err.count("\n"), ran.out) == (2, 1, "")
        assert message in ran.err
        assert not (tmp_path / "o").exists()


def test_audit_is_written_to_a_file(edgewbc: Run, cells: Path, tmp_path: Path) -> None:
    """--out writes what --json prints, also if the exit code is 3."""
    ran = edgewbc("data", "audit", cells, "--no-near", "--out", tmp_path / "o.json")
    assert ran.code == 0
    assert ran.out.startswith("audit of 80 cells in 80 images, protocol grouped")
    printed = edgewbc("data", "audit", cells, "--no-near", "--json")
    assert json.loads((tmp_path / "o.json").read_text()) == json.loads(printed.out)
    made = Manifest.read(cells)
    leaky = tuple(replace(entry, group="one") for entry in made.entries)
    replace(made, entries=leaky).write(tmp_path / "leaky")
    assert edgewbc("data", "audit", tmp_path / "leaky", "--no-near", "--out", tmp_path / "l.json").code == 3
    assert json.loads((tmp_path / "l.json").read_text())["leak"] is True


def test_help_has_both_examples(edgewbc: Run) -> None:
    """There is an example of the audit and one of the label audit."""
    ran = edgewbc("data", "audit", "--help")
    assert ran.code == 0
    assert "\n    edgewbc data audit manifests/mine\n    edgewbc data audit manifests/mine --labels imagenet" in ran.out
