"""edgewbc.report.style: figures as SVG and PNG."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.report import style

pytest.importorskip("matplotlib")


def drawn(width: float = 200) -> Any:
    """A figure with a line, a label, and a text that has to be escaped."""
    figure = style.figure(width, 100)
    (axes,) = style.axes(figure, 40, 10, 10, 30)
    axes.plot([0, 1], [0, 1], "o-", color=style.INK)
    axes.set_xlabel("a <b> & c", color=style.MUTED)
    return figure


def test_svg_takes_font_and_colors_of_its_page() -> None:
    """It has a label, no address, no id that is not used, and colors that the page can change."""
    text = style.svg(drawn(), "one", 'label "<x>"')
    assert text.startswith('<svg class="plot" viewBox="0 0 200 100" width="200" height="100" role="img"')
    assert 'aria-label="label &quot;&lt;x&gt;&quot;"' in text
    assert "http" not in text
    assert "a &lt;b&gt; &amp; c" in text
    assert "font-family" not in text
    assert style.INK not in text
    assert "var(--ink)" in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert all(one.startswith("one-") and f"#{one}" in text for one in ids)


def test_a_chart_has_two_widths_with_ids_of_their_own() -> None:
    """The same figure for a desktop and for a phone."""
    made = style.chart(drawn, "two", "label")
    assert 'viewBox="0 0 720 100"' in made.wide
    assert 'viewBox="0 0 340 100"' in made.narrow
    ids = [set(re.findall(r' id="([^"]*)"', text)) for text in (made.wide, made.narrow)]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_figure_has_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    """Neither a date nor a random id is written."""
    for name in ("a", "b"):
        with style.saved(tmp_path / f"{name}{suffix}", 200, 100, "a figure") as figure:
            (axes,) = style.axes(figure, 30, 10, 10, 30)
            axes.plot([0, 1], [0, 1], "o")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_nothing_is_written_when_drawing_fails(tmp_path: Path) -> None:
    """An existing file is unchanged."""
    path = tmp_path / "figure.svg"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), style.saved(path, 200, 100, "a figure"):
        raise ZeroDivisionError
    assert path.read_text() == "before"


def test_ticks_are_round() -> None:
    """Steps of 1, 2 and 5; on a wide logarithmic axis powers of ten."""
    (axes,) = style.axes(style.figure(400, 100), 30, 10, 10, 30)
    axes.set_xlim(90, 1500)
    axes.set_xscale("log")
    style.ticks(axes.xaxis, 7, log=True)
    assert [tick for tick in axes.get_xticks() if 90 <= tick <= 1500] == [100, 200, 500, 1000]
    axes.set_xlim(0.5, 2e6)
    style.ticks(axes.xaxis, 7, log=True)
    assert [tick for tick in axes.get_xticks() if 1 <= tick <= 1e6] == [10.0**power for power in range(7)]
    assert (style.plain(20.0), style.plain(0.05), style.plain(2000)) == ("20", "0.05", "2,000")


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message has the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"a figure needs matplotlib, which is not installed: pip install .*report"):
        style.saved(tmp_path / "a.svg", 10, 10, "a figure").__enter__()


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_any_name_is_drawn_as_it_is(tmp_path: Path, suffix: str, recwarn: pytest.WarningsRecorder) -> None:
    """A `$` starts no formula, and characters without a font give no warning: class names are a laboratory's own."""
    path = tmp_path / f"a{suffix}"
    with style.saved(path, 200, 100, "a figure") as figure:
        (axes,) = style.axes(figure, 30, 10, 10, 30)
        axes.set_xticks([0, 1], [r"CD$\4$_x", "\u5355\u6838\u7ec6\u80de"])
    assert path.stat().st_size > 0
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]
    if suffix == ".svg":
        assert r"CD$\4$_x" in path.read_text(encoding="utf-8")


def test_missing_characters_are_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each character once in a process, for pixels alone; other warnings pass."""
    monkeypatch.setattr(style, "_fallbacks", tuple)
    style._said.cache_clear()

    def draw(name: str, text: str) -> list[str]:
        caplog.clear()
        with style.saved(tmp_path / name, 200, 100, "a figure") as figure:
            (axes,) = style.axes(figure, 30, 10, 10, 30)
            axes.set_xticks([0, 1], [text, text])
        return [record.getMessage() for record in caplog.records]

    assert draw("a.svg", "\u5355\u6838") == []
    (line,) = draw("a.png", "\u5355\u6838")
    assert line.startswith(f"{tmp_path / 'a.png'}: no installed font has \u5355 \u6838: they are drawn as boxes")
    assert draw("b.png", "\u5355") == []
    assert len(draw("b.png", "\u5355\u7ec6")) == 1
    with pytest.warns(DeprecationWarning, match="old"), style._missing_once(tmp_path, silent=False):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    style._said.cache_clear()


def test_fonts_that_are_installed_fill_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for pixels, and after matplotlib's own, so that other figures do not depend on the machine."""
    import matplotlib as mpl

    own = [*mpl.rcParams["font.family"]]
    monkeypatch.setattr(style, "_fallbacks", lambda: ("Noto Sans CJK SC",))
    with style.settings(pixels=True):
        assert mpl.rcParams["font.family"] == [*own, "Noto Sans CJK SC"]
    with style.settings():
        assert mpl.rcParams["font.family"] == own
