"""Tests of `edgewbc selftest`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import pack, seal
from tests.tiny import make_bundle


def test_intact_bundle_passes(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """There is a row with ok per precision, for a folder and a zip, as argument and as --model."""
    bundle = make_bundle(tmp_path / "b")
    pack(bundle.path, tmp_path / "b.zip")
    for arguments in ([bundle.path], ["--model", tmp_path / "b.zip"]):
        ran = edgewbc("selftest", *arguments, "--threads", "1")
        assert ran.code == 0
        lines = ran.out.splitlines()
        assert lines[0].endswith("11 files match their checksums")
        assert [line.split()[0] for line in lines[3:5]] == ["int8", "f32"]
        assert all(line.endswith("3 of 3  ok") for line in lines[3:5])
        assert [line.split(maxsplit=3) for line in lines[7:9]] == [
            ["int8", "openvino", bundle.model_sha256(), "not a released model"],
            ["f32", "openvino", bundle.model_sha256("openvino", "f32"), "not a released model"],
        ]
        assert lines[9].startswith("Checksums show that files are whole, not who made them")
        assert lines[10].startswith("the bundle does not describe its training images")
    result = json.loads(edgewbc("selftest", bundle.path, "--json").out)
    assert result["ok"] is True
    assert result["training_images"] is False
    assert [check["samples"] for check in result["checks"]] == [3, 3]


def test_failed_precision_exits_3(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """The table or JSON is complete, and the last line of stderr says what to do."""
    bundle = make_bundle(tmp_path / "b", golden={"tolerance": {"int8": 1e-9, "f32": 1e-4}})
    golden = bundle.path / "golden" / "expected.json"
    content = json.loads(golden.read_text())
    content["samples"][0]["expected"]["int8"]["probabilities"][0] += 0.01
    golden.write_text(json.dumps(content))
    seal(bundle.path)
    ran = edgewbc("selftest", bundle.path)
    assert ran.code == 3
    assert "FAILED" in ran.out
    assert ran.err.splitlines()[-1].endswith("use --precision f32")
    ran = edgewbc("selftest", bundle.path, "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["ok"] is False


def test_wrong_hash_exits_2(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """The error of one line names the changed file."""
    bundle = make_bundle(tmp_path / "b")
    (bundle.path / "CARD.md").write_text("x")
    ran = edgewbc("selftest", bundle.path)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert "CARD.md is not the file that was released (wrong hash): copy the bundle again" in line


def test_invalid_model_exits_2(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A bundle with correct checksums whose IR is not a model is an error of one line."""
    bundle = make_bundle(tmp_path / "b")
    (bundle.path / "openvino" / "int8.xml").write_text("<net/>")
    seal(bundle.path)
    ran = edgewbc("selftest", bundle.path)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert "openvino/int8.xml is not a model that edgewbc exported" in line
