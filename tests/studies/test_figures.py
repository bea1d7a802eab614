"""What the README's figures share."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import drawn, front, legend, mark

BLUE = ("o", "#0072B2", "ours")


def test_nothing_is_written_when_drawing_fails(tmp_path: Path) -> None:
    """The file that was there stays as it was."""
    path = tmp_path / "front.svg"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), drawn(path, 2, 2, "a figure"):
        raise ZeroDivisionError
    assert path.read_text() == "before"


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_figure_has_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    """No date, no random ids."""
    made = []
    for name in ("a", "b"):
        with drawn(tmp_path / f"{name}{suffix}", 2, 2, "a figure") as figure:
            axes = figure.subplots()
            mark(axes, BLUE, 10.0, 0.9, (0.8, 1.0), "64", set())
            front(axes, [(10.0, 0.9)])
        made.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(("faster", "stairs"), [(True, [(1.0, 99.0), (4.0, 95.0)]), (False, [(1.0, 99.0)])])
def test_the_front_leaves_out_what_is_beaten(tmp_path: Path, faster: bool, stairs: list[tuple[float, float]]) -> None:
    """Where more is better the fast point counts too; where less is better the smallest is the best of these."""
    with drawn(tmp_path / "front.svg", 2, 2, "a figure") as figure:
        axes = figure.subplots()
        front(axes, [(1.0, 0.99), (2.0, 0.94), (4.0, 0.95)], faster=faster)
        (line,) = axes.lines
        assert [float(x) for x in line.get_xdata()] == pytest.approx([x for x, _ in stairs])
        assert [float(y) for y in line.get_ydata()] == pytest.approx([y for _, y in stairs])
        assert axes.get_xscale() == "log"


def test_a_legend_is_given_once(tmp_path: Path) -> None:
    """Two marks of a kind, one entry; an open mark is told from a filled one."""
    with drawn(tmp_path / "front.svg", 2, 2, "a figure") as figure:
        axes = figure.subplots()
        seen: set[str] = set()
        mark(axes, BLUE, 1.0, 0.9, (0.8, 1.0), "64", seen)
        mark(axes, BLUE, 2.0, 0.9, (0.8, 1.0), "80", seen, filled=False)
        legend(figure, axes)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours"]
        assert [line.get_fillstyle() for line in axes.lines[1::2]] == ["full", "none"]


def test_words_of_one_place_stand_together(tmp_path: Path) -> None:
    """Two marks in one place share a line; a word is not repeated beside itself, and stands again further away."""
    with drawn(tmp_path / "front.svg", 2, 2, "a figure") as figure:
        axes = figure.subplots()
        for x, accuracy, word in [(3.9, 0.994, "112"), (4.0, 0.994, "96"), (4.8, 0.994, "96"), (0.2, 0.994, "96")]:
            mark(axes, BLUE, x, accuracy, (0.98, 1.0), word, set())
        assert [text.get_text() for text in axes.texts] == ["112, 96", "96"]


def test_words_of_neighbours_do_not_stand_on_each_other(tmp_path: Path) -> None:
    """The second of two marks that are close has its word below."""
    with drawn(tmp_path / "front.svg", 2, 2, "a figure") as figure:
        axes = figure.subplots()
        for x, word in [(0.1, "80"), (0.14, "64"), (1.0, "96")]:
            mark(axes, BLUE, x, 0.994, (0.98, 1.0), word, set())
        assert [text.xyann[1] > 0 for text in axes.texts] == [True, False, True]
