"""Generate what comes from bench/results: `python -m bench.readme`.

All of docs/results.md with its figures, the table of README.md, and the parts of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from bench import result_file
from bench.edge import report as edge_report
from bench.edge.result import EdgeResult
from bench.peers import report as peers_report
from bench.peers.result import PeersResult
from bench.poster import figure
from bench.poster.result import PosterResult
from bench.scaling import report as scaling_report
from bench.tables import (
    EDGE,
    FRONT,
    LEAK,
    PEERS,
    PEERS_FRONT,
    POSTER,
    TRAVEL,
    TRAVEL_FIGURE,
    headline,
    results,
)
from bench.travel import figure as travel_figure
from edgewbc.errors import GateError, UserError, exit_code
from edgewbc.utils.files import read_json, write_text

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"
RESULTS, SCALING = Path("bench/results"), Path("docs/scaling.md")


def between(text: str, path: Path) -> tuple[str, str, str]:
    """Return the text before, between and after the markers, without the markers.

    Raises:
        UserError: the markers are missing, repeated, or in the wrong order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(f"{path}: needs the lines {BEGIN} and {END}, once each and in this order")
    before, rest = text.split(BEGIN)
    inside, after = rest.split(END)
    return before, inside, after


def filled(text: str, path: Path, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts: what is between `<!-- results:NAME:begin -->` and `...:end -->`.

    Raises:
        UserError: the markers of a part are missing, repeated, or in the wrong order.
    """
    for name, part in parts.items():
        begin, end = (f"<!-- results:{name}:{what} -->" for what in ("begin", "end"))
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise UserError(f"{path}: needs the lines {begin} and {end}, once each and in this order")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"
    return text


def generated(readme: Path, page: Path, folder: Path, scaling: Path | None = None) -> dict[Path, str]:
    """Return what the files should hold.

    Args:
        readme: README.md, with the markers.
        page: docs/results.md, all of which is generated.
        folder: with the results as JSON.
        scaling: docs/scaling.md, with the markers of its parts; None leaves it out.

    Raises:
        UserError: a file is missing or cannot be read, or the markers are missing.
    """
    before, _, after = between(_read(readme), readme)
    table = f"{before}{BEGIN}\n{headline(folder)}\n{END}{after}"
    pages = {readme: table, page: f"{results(folder)}\n"}
    if scaling is not None:
        pages[scaling] = filled(_read(scaling), scaling, scaling_report.parts(folder))
    return pages


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def draw(folder: Path) -> None:
    """Draw the figures of the results that a folder has."""
    if (folder / POSTER).is_file():
        poster = result_file.read(folder / POSTER, PosterResult.from_json)
        if figure.drawable(poster):
            figure.draw(poster, folder / LEAK)
    if (folder / TRAVEL).is_file():
        found = read_json(folder / TRAVEL, "a result of `python -m bench.travel`")
        if travel_figure.drawable(found):
            travel_figure.draw(found, folder / TRAVEL_FIGURE)
    if (folder / EDGE).is_file():
        edge = result_file.read(folder / EDGE, EdgeResult.from_json)
        if edge.benchmarked:
            edge_report.draw(edge, folder / FRONT)
    if (folder / PEERS).is_file():
        peers_report.draw(result_file.read(folder / PEERS, PeersResult.from_json), folder / PEERS_FRONT)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit code 0 on success, 2 for bad input, 3 if a file is out of date (with --check)."""
    parser = argparse.ArgumentParser(prog="python -m bench.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 3 if a file is out of date")
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="file with the headline table")
    parser.add_argument("--page", type=Path, default=Path("docs/results.md"), help="file with all results")
    parser.add_argument(
        "--scaling", type=Path, help="page with parts to fill in [docs/scaling.md, for the results of the checkout]"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results as JSON")
    options = parser.parse_args(arguments)

    def step() -> None:
        if not options.check:
            draw(options.results)
        scaling = options.scaling or (SCALING if options.results == RESULTS and SCALING.is_file() else None)
        for path, text in generated(options.readme, options.page, options.results, scaling).items():
            if path.is_file() and _read(path) == text:
                continue
            if options.check:
                raise GateError(f"{path}: is out of date with {options.results}: run python -m bench.readme")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
