"""`edgewbc selftest`: table, JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import pack, seal
from tests.tiny import make_bundle


def test_a_good_bundle_passes(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """One row per precision with ok, for a folder and a zip, as argument and as --model."""
    made = make_bundle(tmp_path / "b")
    pack(made.path, tmp_path / "b.zip")
    for arguments in ([made.path], ["--model", tmp_path / "b.zip"]):
        ran = edgewbc("selftest", *arguments, "--threads", "1")
        assert ran.code == 0
        lines = ran.out.splitlines()
        assert lines[0].endswith("11 files match their checksums")
        assert [line.split()[0] for line in lines[3:5]] == ["int8", "f32"]
        assert all(line.endswith("3 of 3  ok") for line in lines[3:5])
        assert [line.split(maxsplit=3) for line in lines[7:9]] == [
            ["int8", "openvino", made.model_sha256(), "not a released model"],
            ["f32", "openvino", made.model_sha256("openvino", "f32"), "not a released model"],
        ]
        assert lines[9].startswith("Checksums show that files are whole, not who made them")
    told = json.loads(edgewbc("selftest", made.path, "--json").out)
    assert told["ok"] is True
    assert [check["samples"] for check in told["checks"]] == [3, 3]


def test_a_failed_precision_is_exit_code_3(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """The table is printed, then one line that says what to do; JSON is printed completely too."""
    made = make_bundle(tmp_path / "b", golden={"tolerance": {"int8": 1e-9, "f32": 1e-4}})
    golden = made.path / "golden" / "expected.json"
    told = json.loads(golden.read_text())
    told["samples"][0]["expected"]["int8"]["probabilities"][0] += 0.01
    golden.write_text(json.dumps(told))
    seal(made.path)
    ran = edgewbc("selftest", made.path)
    assert ran.code == 3
    assert "FAILED" in ran.out
    assert ran.err.splitlines()[-1].endswith("use --precision f32")
    ran = edgewbc("selftest", made.path, "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["ok"] is False


def test_a_wrong_hash_is_exit_code_2(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A changed file is named in one line."""
    made = make_bundle(tmp_path / "b")
    (made.path / "CARD.md").write_text("x")
    ran = edgewbc("selftest", made.path)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert "CARD.md is not the file that was released (wrong hash): copy the bundle anew" in line


def test_a_model_that_openvino_refuses_is_exit_code_2(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A sealed bundle whose IR is not a model is reported in one line."""
    made = make_bundle(tmp_path / "b")
    (made.path / "openvino" / "int8.xml").write_text("<net/>")
    seal(made.path)
    ran = edgewbc("selftest", made.path)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert "openvino/int8.xml is not a model that edgewbc exported" in line
