"""bench.readme: README.md and docs/results.md hold the committed results."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.readme import BEGIN, END, generated, main
from edgewbc.utils.files import write_json
from tests.studies.test_tables import BENCH, EVAL

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_committed_files_are_current(name: str) -> None:
    """Both files equal the generator's output for bench/results."""
    expected = generated(TOP / "README.md", TOP / "docs" / "results.md", TOP / "bench" / "results")
    assert (TOP / name).read_text(encoding="utf-8") == expected[TOP / name]


def test_files_are_written(tmp_path: Path) -> None:
    """Only the text between the markers changes; --check changes nothing and exits with 3 until both are current."""
    readme, page = tmp_path / "README.md", tmp_path / "docs" / "results.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_json(tmp_path / "eval-a.json", EVAL)
    write_json(tmp_path / "bench-cpu.json", BENCH.to_json())
    options = ["--readme", str(readme), "--page", str(page), "--results", str(tmp_path)]
    assert main([*options, "--check"]) == 3
    assert "old" in readme.read_text()
    assert not page.exists()
    assert main(options) == 0
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| network | precision | accuracy |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert page.read_text().startswith("# Results\n")
    assert main([*options, "--check"]) == 0
    page.write_text("edited")
    assert main([*options, "--check"]) == 3


@pytest.mark.parametrize("text", ["", f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", BEGIN])
def test_missing_markers_are_an_error(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without both markers, once each and in order, nothing is written."""
    readme, page = tmp_path / "README.md", tmp_path / "results.md"
    readme.write_text(text)
    assert main(["--readme", str(readme), "--page", str(page), "--results", str(tmp_path)]) == 2
    assert "once each and in this order" in capsys.readouterr().err
    assert readme.read_text() == text
    assert not page.exists()
