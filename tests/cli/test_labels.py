"""`edgewbc labels`: out of a case and back, and what must be named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edgewbc.cases.case import Case
from tests.cases.cases import cell, make_case
from tests.conftest import Ran

Run = Callable[..., Ran]


def test_out_and_back(edgewbc: Run, tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")] * 2)
    to = tmp_path / "to"
    ran = edgewbc("labels", "export", folder, "--as", "fiftyone", "--to", to)
    assert (ran.code, ran.out) == (0, "2 cells, 0 with a label\n")
    (to / "labels.json").write_text(json.dumps({"labels": {"000001": "blast"}}), encoding="utf-8")
    nobody = edgewbc("labels", "import", to, "--case", folder)
    assert nobody.code == 2
    assert "--by NAME" in nobody.err
    both = edgewbc("labels", "import", to, "--case", folder, "--to", tmp_path / "t.csv", "--by", "Ada")
    assert both.code == 2
    back = edgewbc("labels", "import", to, "--case", folder, "--by", "Ada", "--json")
    assert json.loads(back.out) == {"changed": {"blast": 1}, "same": 0, "unlabeled": 0}
    (decision,) = Case.read(folder).decisions
    assert (decision.new, decision.who, decision.why) == ("blast", "Ada", "labels of to")
    table = edgewbc("labels", "import", to / "labels.json", "--to", tmp_path / "t.csv")
    assert table.out == "1 label recorded, 0 there already, 0 images without a label\n"
    assert (tmp_path / "t.csv").read_text() == "path,label\nto/data/000001.png,blast\n"
