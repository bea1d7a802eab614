"""The command `edgewbc verify CASE`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.cases import alter, make_signed_case
from tests.conftest import Ran


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return make_signed_case(tmp_path / "case")


def test_the_command_exits_with_3_and_says_what(signed: Path, edgewbc: Callable[..., Ran]) -> None:
    ran = edgewbc("verify", signed)
    assert ran.code == 0
    assert ran.out.startswith("intact: 4 cells, 2 decisions, 1 signature: signed\nlast signature: Ada at ")
    absent = edgewbc("verify", signed / "none")
    assert (absent.code, absent.err) == (2, f"edgewbc: {signed / 'none'}: no such case or bundle\n")
    alter(signed, "UPDATE decisions SET new = 'monocyte' WHERE id = 2")
    ran = edgewbc("verify", signed)
    assert ran.code == 3
    assert "decisions: row 2, or one before it, was altered or removed" in ran.err
    assert "was altered: " in ran.err.splitlines()[-1]
    ran = edgewbc("verify", signed, "--json")
    assert not json.loads(ran.out)["intact"]
