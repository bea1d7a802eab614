"""bench.audits: results from the output of `edgewbc data audit`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.audits import main
from edgewbc.data.audit import audit
from edgewbc.data.manifest import Manifest, Protocol, Split
from tests.labeled import make_manifest


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Ten images in pairs, one of each pair in train and one in test, with their audit."""
    made = make_manifest(tmp_path / "m", 10)
    entries = tuple(
        replace(entry, group=f"pair{i // 2}", split=(Split.TRAIN, Split.TEST)[i % 2])
        for i, entry in enumerate(made.entries)
    )
    leaky = Manifest(made.root, entries, made.classes, Protocol.POSTER, made.provenance)
    leaky.write(tmp_path / "leaky")
    (tmp_path / "audit.json").write_text(json.dumps(audit(leaky, near=False).to_json()))
    return tmp_path


def test_groups_are_counted_and_not_listed(leaky: Path) -> None:
    """Five groups are in two splits, all five test images have their group in train; no absolute path is written."""
    out = leaky / "results.json"
    assert main([f"{leaky / 'leaky'}={leaky / 'audit.json'}", "--out", str(out)]) == 0
    (found,) = json.loads(out.read_text())["audits"]
    assert found["groups_on_several_sides"] == {"n": 5, "examples": [f"pair{i}" for i in range(5)]}
    assert found["test"] == {"n": 5, "seen_in_train": 5}
    assert (found["protocol"], found["source"], found["groups"]) == ("poster", "folder", 5)
    assert found["leaks"] == []
    assert (found["counts"]["group_leaks"], found["counts"]["near_leaks"]) == (5, None)
    assert str(leaky) not in out.read_text()


def test_an_audit_of_another_manifest_is_refused(leaky: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, nothing written."""
    out = leaky / "results.json"
    for pair in (f"{leaky / 'm'}={leaky / 'audit.json'}", str(leaky / "m"), f"{leaky / 'm'}={leaky / 'none.json'}"):
        assert main([pair, "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
