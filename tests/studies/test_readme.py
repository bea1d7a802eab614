"""bench.readme: the README's results are those of the committed files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.readme import BEGIN, END, between, main
from bench.tables import results
from edgewbc.utils.files import write_json
from tests.studies.test_tables import BENCH, EVAL

TOP = Path(__file__).resolve().parents[2]


def test_readme_holds_the_committed_results() -> None:
    """What stands between the markers of README.md is what the generator makes of bench/results."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    if BEGIN not in text:
        pytest.skip("README.md has no results yet")
    assert between(text, TOP / "README.md")[1] == f"\n{results(TOP / 'bench' / 'results')}\n"


def test_tables_are_put_between_the_markers(tmp_path: Path) -> None:
    """Only what stands between the markers changes; --check changes nothing and says 3 until it is equal."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_json(tmp_path / "eval-a.json", EVAL)
    write_json(tmp_path / "bench-cpu.json", BENCH)
    options = ["--readme", str(readme), "--results", str(tmp_path)]
    assert main([*options, "--check"]) == 3
    assert "old" in readme.read_text()
    assert main(options) == 0
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n### Accuracy of what ships\n\n| model |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert main([*options, "--check"]) == 0


@pytest.mark.parametrize("text", ["", f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", BEGIN])
def test_missing_markers_are_named(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without both markers, once each and in order, nothing is written."""
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert main(["--readme", str(readme), "--results", str(tmp_path)]) == 2
    assert "once each and in this order" in capsys.readouterr().err
    assert readme.read_text() == text
