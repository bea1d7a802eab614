"""Tests of `edgewbc data`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import SOURCES
from tests.tiny import encode, make_image

Run = Callable[..., Any]


@pytest.fixture
def cells(edgewbc: Run, tmp_path: Path) -> Path:
    """Return a folder of synthetic cells that the command drew."""
    assert edgewbc("data", "synth", "--to", tmp_path / "c", "--cells", 10, "--size", 32, "--fields", 1).code == 0
    return tmp_path / "c"


def test_synth_writes_a_manifest(edgewbc: Run, cells: Path) -> None:
    """The folder can be read as a manifest; running the command again changes nothing and prints the same summary."""
    manifest = Manifest.read(cells)
    assert manifest.provenance.source == "synthetic"
    ran = edgewbc("data", "synth", "--to", cells, "--cells", 10, "--size", 32, "--fields", 1, "--json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert summary["manifest_sha256"] == manifest.sha256
    assert summary["counts"]["test"]["basophil"] == 2
    assert (summary["n"], summary["groups"], summary["protocol"], summary["seed"]) == (50, 10, "grouped", 0)


def test_synth_refuses_a_folder_with_other_cells(edgewbc: Run, cells: Path) -> None:
    """A folder that was drawn with other options has exit code 2 and an error of one line."""
    ran = edgewbc("data", "synth", "--to", cells, "--cells", 11)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "give another --to" in ran.err


def test_manifest_prints_counts_and_hash(edgewbc: Run, cells: Path, tmp_path: Path) -> None:
    """The output is a table by split and class, and the hash; another seed gives another hash."""
    ran = edgewbc("data", "manifest", "synthetic", cells, "--to", tmp_path / "m", "--seed", 3)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["train", "val", "test", "all"]
    assert lines[1].split() == ["neutrophil", "7", "1", "2", "10"]
    assert lines[6].split() == ["all", "35", "5", "10", "50"]
    assert Manifest.read(tmp_path / "m").sha256 in ran.out
    assert Manifest.read(tmp_path / "m").sha256 != Manifest.read(cells).sha256


def test_manifest_options(edgewbc: Run, tmp_path: Path) -> None:
    """The manifest has the selected classes, groups and protocol; other classes are reported as left out."""
    for label in ("neutrophil", "monocyte"):
        for i in range(6):
            file = tmp_path / "p" / label / f"p{i // 2}_{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(make_image(10 * len(label) + i)))
    options = ("--classes", "Monocyte, neutrophil", "--group-pattern", r"(p\d)_", "--protocol", "grouped", "--json")
    ran = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "m", *options)
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert summary["classes"] == ["neutrophil", "monocyte"]
    assert summary["groups"] == 3
    ran = edgewbc(
        "data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "n", "--classes", "monocyte", "--json"
    )
    assert (ran.code, ran.err) == (0, "left out: 6 files: class neutrophil not selected\n")
    assert json.loads(ran.out)["left_out"] == {"class neutrophil not selected": 6}
    ran = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "o", "--classes", "monocytes")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "no folder for class 'monocytes'" in ran.err
    assert not (tmp_path / "o").exists()


def test_manifest_of_a_table(edgewbc: Run, tmp_path: Path) -> None:
    """Labels are read from the named columns; the options for columns are refused for other sources."""
    lines = ["file;type;slide"]
    for i in range(12):
        (tmp_path / f"{i}.png").write_bytes(encode(make_image(i)))
        lines.append(f"{i}.png;{('monocyte', 'neutrophil')[i % 2]};s{i // 2}")
    (tmp_path / "t").mkdir()
    (tmp_path / "t/labels.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    columns = ("--images", tmp_path, "--path-column", "file", "--label-column", "type", "--group-column", "slide")
    ran = edgewbc("data", "manifest", "table", tmp_path / "t/labels.csv", *columns, "--to", tmp_path / "m", "--json")
    assert ran.code == 0
    result = json.loads(ran.out)
    assert (result["source"], result["protocol"], result["n"], result["groups"]) == ("table", "grouped", 12, 6)
    ran = edgewbc("data", "manifest", "folder", tmp_path, *columns, "--to", tmp_path / "n")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "only for the source" in ran.err


def test_own_data(edgewbc: Run, tmp_path: Path) -> None:
    """A folder tree with sides and labels of its own becomes a manifest, folds and a data card."""
    for seed, (side, label) in enumerate(
        (s, c) for s in ("train", "test") for c in ("Seg", "Band", "Ly") for _ in "abc"
    ):
        file = tmp_path / "own" / side / label / f"{seed}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(make_image(seed, 30, 40)))
    to = tmp_path / "m"
    options = ("--protocol", "official", "--map", "Seg=neutrophil,Band=neutrophil")
    ran = edgewbc("data", "manifest", "folder", tmp_path / "own", *options, "--to", to)
    assert ran.code == 0
    assert "protocol official" in ran.out
    assert Manifest.read(to).classes == ("neutrophil", "Ly")
    ran = edgewbc("data", "folds", to, "--folds", 2, "--to", tmp_path / "folds", "--json")
    assert [summary["counts"]["test"] for summary in json.loads(ran.out)] == [{"neutrophil": 6, "Ly": 3}] * 2
    ran = edgewbc("data", "card", to, "--to", tmp_path / "card")
    assert ran.code == 0
    assert "cells: 18 of 2 classes" in ran.out
    assert (tmp_path / "card" / "card.html").is_file()


def test_manifest_help_names_every_source_and_protocol(edgewbc: Run) -> None:
    """The help lists all sources, and all protocols that one of them has."""
    help_text = edgewbc("data", "manifest", "--help").out
    protocols = {protocol for each in SOURCES.values() for protocol in each}
    assert all(name in help_text for name in (*SOURCES, *protocols))


AUGMENT = ("--total", 60, "--height", 24, "--width", 32)


@pytest.fixture
def originals(edgewbc: Run, tmp_path: Path) -> Path:
    """Return a manifest of ten images of two classes."""
    for label in ("neutrophil", "monocyte"):
        for i in range(5):
            file = tmp_path / "p" / label / f"{label[0]}{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(make_image(10 * len(label) + i, 30, 40)))
    assert edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "o").code == 0
    return tmp_path / "o"


def test_augment_writes_a_manifest(edgewbc: Run, originals: Path, tmp_path: Path) -> None:
    """The folder is a grouped manifest; running the command again changes nothing, and --json prints the summary."""
    ran = edgewbc("data", "augment", originals, "--to", tmp_path / "a", *AUGMENT)
    assert ran.code == 0
    assert "60 images in 10 groups" in ran.out
    manifest = Manifest.read(tmp_path / "a")
    assert (manifest.protocol, manifest.provenance.source, len(manifest.entries)) == ("grouped", "augmented", 60)
    assert manifest.sha256 in ran.out
    ran = edgewbc("data", "augment", originals, "--to", tmp_path / "a", *AUGMENT, "--json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert summary["manifest_sha256"] == manifest.sha256
    assert (summary["n"], summary["pictures"], summary["groups"], summary["protocol"]) == (60, 60, 10, "grouped")
    assert {name: sum(summary["counts"][side][name] for side in summary["counts"]) for name in summary["classes"]} == {
        "neutrophil": 30,
        "monocyte": 30,
    }


def test_augmented_set_under_both_protocols(edgewbc: Run, originals: Path, tmp_path: Path) -> None:
    """The same images split by the poster's protocol leak groups; the grouped manifest passes the audit."""
    assert edgewbc("data", "augment", originals, "--to", tmp_path / "a", *AUGMENT).code == 0
    options = ("--protocol", "poster", "--to", tmp_path / "m", "--json")
    ran = edgewbc("data", "manifest", "augmented", tmp_path / "a", *options)
    assert ran.code == 0
    assert sum(json.loads(ran.out)["counts"]["test"].values()) == 12
    one, two = Manifest.read(tmp_path / "a"), Manifest.read(tmp_path / "m")
    assert [entry.sha256 for entry in one.entries] == [entry.sha256 for entry in two.entries]
    assert edgewbc("data", "audit", tmp_path / "a", "--no-near").code == 0
    ran = edgewbc("data", "audit", tmp_path / "m", "--no-near", "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["counts"]["group_leaks"] == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--protocol", "published"), "source augmented has grouped, poster"),
        (("--total", 9), "5 originals, but would get 4 images"),
    ],
)
def test_augment_refuses_invalid_options(
    edgewbc: Run, originals: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    """An unsupported protocol or too small a total has exit code 2 and an error of one line, and leaves no folder."""
    ran = edgewbc("data", "augment", originals, "--to", tmp_path / "a", *options)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert not (tmp_path / "a").exists()


def test_augment_refuses_other_folders(edgewbc: Run, originals: Path, tmp_path: Path) -> None:
    """A folder drawn with another seed, or originals without a manifest, have exit code 2 and an error of one line."""
    assert edgewbc("data", "augment", originals, "--to", tmp_path / "a", *AUGMENT).code == 0
    ran = edgewbc("data", "augment", originals, "--to", tmp_path / "a", *AUGMENT, "--seed", 1)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "give another --to" in ran.err
    ran = edgewbc("data", "augment", tmp_path / "p", "--to", tmp_path / "b", *AUGMENT)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "not a manifest" in ran.err
    assert not (tmp_path / "b").exists()


def test_manifest_of_kaggle_bccd(edgewbc: Run, tmp_path: Path) -> None:
    """The default protocol is official; the error for the parent folder has the folder to use."""
    seed = 0
    for side, number in (("TRAIN", 4), ("TEST", 2)):
        for label in ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"):
            for k in range(number):
                file = tmp_path / "k/images" / side / label / f"_{k}_{seed}.jpeg"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encode(make_image(seed := seed + 1), ".jpeg"))
    ran = edgewbc("data", "manifest", "kaggle-bccd", tmp_path / "k/images", "--to", tmp_path / "m", "--json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert (summary["protocol"], summary["n"], summary["groups"]) == ("official", 24, 24)
    assert set(summary["counts"]["test"].values()) == {2}
    ran = edgewbc("data", "manifest", "kaggle-bccd", tmp_path / "k", "--to", tmp_path / "n")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert str(tmp_path / "k/images") in ran.err


@pytest.mark.parametrize("source", [*SOURCES, "wrong"])
def test_manifest_of_a_missing_folder(edgewbc: Run, tmp_path: Path, source: str) -> None:
    """For every source: exit code 2, an error of one line, and no files."""
    ran = edgewbc("data", "manifest", source, tmp_path / "nowhere", "--to", tmp_path / "m")
    assert ran.code == 2
    assert ran.err.startswith("edgewbc: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["synth", "augment", "manifest", "audit"])
def test_help_has_an_example(edgewbc: Run, command: str) -> None:
    """The help of each command has an example on a line of its own."""
    ran = edgewbc("data", command, "--help")
    assert ran.code == 0
    assert f"\n    edgewbc data {command} " in ran.out


def test_names_that_look_like_cell_types(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """Platelets under a short name would be white cells: the line gives the `--map`, with which it is silent."""
    for number, name in enumerate(("Seg", "PLT", "Blobs")):
        (tmp_path / "cells" / name).mkdir(parents=True)
        for index in range(3):
            image = encode(make_image(10 * number + index), ".png")
            (tmp_path / "cells" / name / f"{index}.png").write_bytes(image)
    ran = edgewbc("data", "manifest", "folder", tmp_path / "cells", "--to", tmp_path / "m")
    assert ran.code == 0, ran.err
    renamed = "PLT=platelet,Seg=neutrophil"
    assert f"PLT would be counted as white cells: rename labels with --map '{renamed}'" in ran.err
    ran = edgewbc("data", "manifest", "folder", tmp_path / "cells", "--map", renamed, "--to", tmp_path / "m2")
    assert (ran.code, ran.err) == (0, "")
