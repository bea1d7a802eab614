"""Tests of bench.before_after: two checkouts in turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.before_after import BeforeAfter, BundleComparison, LabelComparison, Side, Turns, changed_files, main
from edgewbc.errors import UserError


def test_ratio_is_taken_within_each_round() -> None:
    """A round in which the machine was busy meets both sides."""
    rounds = [{"before": (1.0, 0.5), "after": (0.5, 0.25)}, {"before": (8.0, 0.5), "after": (4.0, 0.25)},
              {"before": (1.0, 0.5), "after": (2.0, 0.25)}]  # fmt: skip
    found = Turns.of(rounds)
    assert found.ratio == 0.5
    assert found.seconds == {"before": (1.0, 8.0, 1.0), "after": (0.5, 4.0, 2.0)}
    assert found.cpu_seconds["after"] == (0.25, 0.25, 0.25)


def test_labels_are_compared_by_image() -> None:
    before = {"a.jpg": ("monocyte", 0.9), "b.jpg": ("basophil", 0.8), "c.jpg": ("basophil", 0.7)}
    after = {"a.jpg": ("monocyte", 0.9), "b.jpg": ("basophil", 0.75), "c.jpg": ("monocyte", 0.1)}
    assert LabelComparison.of(before, after) == LabelComparison(3, 2, ("c.jpg",), 0.05)
    with pytest.raises(UserError, match="same images"):
        LabelComparison.of(before, {"a.jpg": ("monocyte", 0.9)})


def test_changed_files(tmp_path: Path) -> None:
    for name, card in (("old", "one"), ("new", "two")):
        (tmp_path / name / "openvino").mkdir(parents=True)
        (tmp_path / name / "openvino" / "int8.bin").write_bytes(b"weights")
        (tmp_path / name / "CARD.md").write_text(card)
    (tmp_path / "new" / "LICENSE").write_text("")
    assert changed_files(tmp_path / "old", tmp_path / "new") == ("CARD.md", "LICENSE")


def test_a_side_runs_its_own_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package is the one that is imported, and what it compiles is not written into it."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    package = tmp_path / "checkout" / "edgewbc"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    lines = (
        "import sys",
        "def main():",
        "    print(*sys.argv[1:])",
        "    sys.exit('no bad' if 'bad' in sys.argv else 0)",
    )
    (package / "__main__.py").write_text("\n".join(lines))
    side = Side(tmp_path / "checkout", tmp_path / "work")
    out, seconds, cpu = side.run("info", "x")
    assert out == "info x\n"
    assert seconds > 0
    assert cpu > 0
    assert not list(package.rglob("*.pyc"))
    assert list((tmp_path / "work").rglob("__main__*.pyc"))
    with pytest.raises(UserError, match="bad exited with code 1: no bad"):
        side.run("bad")


def test_text_has_a_row_for_each_command() -> None:
    turns = Turns.of([{"before": (1.0, 0.5), "after": (0.5, 0.25)}])
    same = LabelComparison(3, 3, (), 0.0)
    compared = BundleComparison(("CARD.md",), same, LabelComparison(3, 2, ("c.jpg",), 0.1))
    text = BeforeAfter(
        turns, turns, turns, turns, turns, 24, {"before": (0.8,), "after": (0.9,)}, {"tiny": compared}
    ).text()
    lines = text.splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "edgewbc --help",
        "classify, 1 image",
        "classify, 24 images",
        "1 image, own bundles",
        "24 images, own bundles",
    ]
    assert lines[1].split()[-5:] == ["1.000", "0.500", "0.500", "0.250", "0.500"]
    assert lines[-2:] == [
        "file to label, share of what the cores allow: before 0.800, after 0.900",
        "tiny: same label for 3 of 3 images (probability +-0.0); with the bundle as shipped now 2 of 3; changed files: "
        "CARD.md",
    ]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
