"""`edgewbc handover`: exit codes and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edgewbc.cases.case import Case
from tests.cases.cases import cell, make_case
from tests.conftest import Ran

Run = Callable[..., Ran]


def test_hand_over(edgewbc: Run, tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")] * 2)
    to = tmp_path / "lis"
    unsigned = edgewbc("handover", folder, "--as", "hl7", "--to", to)
    assert (unsigned.code, unsigned.out) == (2, "")
    assert "is not signed" in unsigned.err
    draft = edgewbc("handover", folder, "--as", "csv", "--to", to, "--draft")
    assert draft.out == "S-1, version 1: preliminary\n"
    with Case.open(folder) as case:
        case.sign_off("Ada")
    missing = edgewbc("handover", folder, "--as", "hl7", "--to", to)
    assert missing.code == 2
    assert "no accession number" in missing.err
    ran = edgewbc("handover", folder, "--as", "hl7", "--to", to, "--accession", " A1 ", "--json")
    assert json.loads(ran.out) == {
        "file": str(to / "S-1-v1.hl7"), "case": "S-1", "version": 1, "status": "final",
    }  # fmt: skip
    assert b"ORC|RE|A1|" in (to / "S-1-v1.hl7").read_bytes()
    assert sorted(path.name for path in to.iterdir()) == ["S-1-v1-draft.csv", "S-1-v1.hl7"]
    (tmp_path / "codes.yaml").write_text("panel\n")
    wrong = edgewbc("handover", folder, "--as", "csv", "--to", to, "--codes", tmp_path / "codes.yaml")
    assert wrong.code == 2
    assert "codes.yaml: line 1: " in wrong.err
