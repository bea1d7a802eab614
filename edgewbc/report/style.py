"""One look for every chart of the page and of the studies: colors, fonts, figures, and how they are written.

Charts are drawn with matplotlib's object API, never with pyplot, and the same data gives the same bytes. matplotlib is
imported only when a chart is drawn.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Final

from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import REPORT, need

INK: Final = "#1a1a1a"
MUTED: Final = "#555555"
GRID: Final = "#e0e0e0"
PAPER: Final = "#ffffff"
VARIABLES: Final = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"}
"""Colors that a page replaces by its own, so that a chart can be read on a light and on a dark background."""

# Okabe and Ito's palette, distinguishable by color-blind readers: https://jfly.uni-koeln.de/color/
BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GRAY: Final = "#999999"

FILLS: Final = {"f32": PAPER, "bf16": SKY, "int8": BLUE}
"""Fill of a mark by precision, from light to dark, so that they differ in black and white too."""

MARKERS: Final = {"openvino": "o", "onnx": "s", "torch": "^"}
"""Marker by backend; any other backend is a diamond."""

WIDE: Final = 720.0
NARROW: Final = 340.0
"""Widths of a chart on a desktop and on a phone, in CSS pixels."""

SIZE: Final = 11.5
"""Font size in CSS pixels."""


FALLBACKS: Final = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "SimHei",
    "PingFang SC", "Hiragino Sans GB", "Yu Gothic", "Malgun Gothic", "Segoe UI", "Arial Unicode MS", "Noto Sans",
)  # fmt: skip
"""Fonts for characters that matplotlib's own does not have; those that are installed are used."""

_LOG: Final = logging.getLogger("edgewbc.report")
_MISSING: Final = r"Glyph (\d+) .*missing from"
"""matplotlib's warning of a character that no font has; it draws a box."""


@dataclass(frozen=True)
class Chart:
    """A chart as inline SVG, drawn for two widths; the page shows the one that fits.

    Attributes:
        label: what the chart shows, in words, for screen readers.
        wide, narrow: SVG elements.
    """

    label: str
    wide: str
    narrow: str


def fill(precision: str) -> str:
    """Return the fill of a mark of a precision."""
    return FILLS.get(precision, GRAY)


def marker(backend: str) -> str:
    """Return the marker of a backend."""
    return MARKERS.get(backend, "D")


def figure(width: float, height: float) -> Any:
    """Return an empty matplotlib figure; `width` and `height` in CSS pixels.

    Raises:
        UserError: matplotlib is not installed.
    """
    need("matplotlib", "a chart", REPORT)
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def axes(figure: Any, left: float, right: float, top: float, bottom: float, columns: int = 1) -> list[Any]:
    """Add plain axes side by side, with margins in CSS pixels; neighbors share the scale of y."""
    width, height = 72 * figure.get_figwidth(), 72 * figure.get_figheight()
    gap = 22.0
    each = (width - left - right - (columns - 1) * gap) / columns
    made: list[Any] = []
    for column in range(columns):
        place = ((left + column * (each + gap)) / width, bottom / height, each / width, 1 - (top + bottom) / height)
        one = figure.add_axes(place, facecolor="none", sharey=made[0] if made else None)
        one.grid(color=GRID, linewidth=1)
        one.set_axisbelow(True)
        one.tick_params(length=0, labelsize=SIZE, labelcolor=INK, labelleft=column == 0)
        for side, spine in one.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(MUTED)
        made.append(one)
    return made


def plain(value: float) -> str:
    """Format a tick: no exponent and no trailing zeros."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def ticks(axis: Any, most: int = 6, *, log: bool = False) -> None:
    """Put at most about `most` round ticks on an axis; on a logarithmic one in steps of 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    subs: tuple[float, ...] = (1.0, 2.0, 5.0)
    if log:
        low, high = sorted(axis.get_view_interval())
        subs = subs if high < 10 ** (most / 3) * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=most) if log else MaxNLocator(most, steps=[1, 2, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def chart(draw: Callable[[float], Any], name: str, label: str) -> Chart:
    """Draw a chart at both widths.

    Args:
        draw: returns a figure of a width in CSS pixels.
        name: of the chart, unique on its page: the prefix of ids.
        label: what the chart shows, in words.
    """
    with settings():
        wide, narrow = draw(WIDE), draw(NARROW)
    return Chart(label, svg(wide, f"{name}-wide", label), svg(narrow, f"{name}-narrow", label))


def svg(figure: Any, name: str, label: str) -> str:
    """Return a figure as an SVG element for a page: the page's font and colors, no ids but those that are used.

    Args:
        name: unique on the page: the prefix of ids.
        label: what the chart shows, in words.
    """
    buffer = io.StringIO()
    with settings():
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    box = re.findall(r'viewBox="([^"]*)"', text)[0]
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.S).replace("xlink:href", "href")
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{name}-", body)
    body = re.sub(r"font-family: [^;\"]*(; )?", "", body)  # inherits that of the page
    for color, variable in VARIABLES.items():
        body = body.replace(color, variable)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    width, height = (float(value) for value in box.split()[2:])
    return (
        f'<svg class="plot" viewBox="{box}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(label)}">\n{body}\n</svg>'
    )


@contextmanager
def settings(*, pixels: bool = False) -> Iterator[None]:
    """Use matplotlib settings that make text of text, and the same bytes of the same figure.

    Texts are shown as they are: a `$` in a name is not the start of a formula.

    Args:
        pixels: whether the figure becomes pixels: then installed fonts draw what matplotlib's own lacks. (The viewer of
            an SVG does so by itself.)
    """
    import matplotlib as mpl

    changed: dict[str, Any] = {
        "svg.hashsalt": "edgewbc", "svg.fonttype": "none", "hatch.linewidth": 1, "text.parse_math": False
    }  # fmt: skip
    if pixels:
        changed["font.family"] = [*mpl.rcParams["font.family"], *_fallbacks()]
    with mpl.rc_context(changed), warnings.catch_warnings():
        warnings.filterwarnings("ignore", _MISSING, UserWarning)  # `saved` says so once
        yield


@lru_cache(maxsize=1)
def _fallbacks() -> tuple[str, ...]:
    """Return which of `FALLBACKS` are installed."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FALLBACKS if name in installed)


@lru_cache(maxsize=1)
def _said() -> set[str]:
    """Return the characters that this process has said to be missing."""
    return set()


@contextmanager
def _missing_once(path: Path, *, silent: bool) -> Iterator[None]:
    """Say in one line which characters of a figure no installed font has, and each of them once in a process.

    Args:
        path: of the figure.
        silent: say nothing: the viewer of the figure brings fonts of its own.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing: dict[str, None] = {}
    for warning in caught:
        if found := re.match(_MISSING, str(warning.message)):
            missing[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if new := [character for character in missing if not silent and character not in _said()]:
        _said().update(new)
        _LOG.warning(
            "%s: no installed font has %s: they are drawn as boxes; install a font that does, such as %s",
            path, " ".join(new), FALLBACKS[0],
        )  # fmt: skip


@contextmanager
def saved(path: Path, width: float, height: float, purpose: str) -> Iterator[Any]:
    """Yield a figure on white, written to `path` when the block succeeds: SVG or PNG, by the suffix.

    Args:
        width, height: CSS pixels.
        purpose: what the figure is, for the message.

    Raises:
        UserError: matplotlib is not installed.
    """
    need("matplotlib", purpose, REPORT)
    vector = path.suffix == ".svg"
    metadata = {"Date": None} if vector else {"Software": None}
    with settings(pixels=not vector):
        drawn = figure(width, height)
        drawn.set_facecolor(PAPER)
        yield drawn
        with atomic_write(path) as temporary, _missing_once(path, silent=vector):
            drawn.savefig(temporary, format=path.suffix[1:], metadata=metadata, dpi=72 if vector else 144)
