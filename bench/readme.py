"""Keep the README's results equal to the committed files: `python -m bench.readme [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.edge import report as edge_report
from bench.peers import report as peers_report
from bench.poster import figure
from bench.tables import EDGE, FRONT, LEAK, PEERS, PEERS_FRONT, POSTER, results
from edgewbc.errors import GateError, UserError, exit_code
from edgewbc.utils.files import read_json, write_text

BEGIN = "<!-- results:begin -->"
END = "<!-- results:end -->"


def between(text: str, path: Path) -> tuple[str, str, str]:
    """What stands before, between and after the markers, the markers left out.

    Raises:
        UserError: the markers are not there, once each and in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(f"{path}: needs the lines {BEGIN} and {END}, once each and in this order")
    before, rest = text.split(BEGIN)
    inside, after = rest.split(END)
    return before, inside, after


def rewrite(readme: Path, folder: Path, *, check: bool = False) -> bool:
    """Put the tables of a results folder between the README's markers; whether it had other ones there.

    Args:
        readme: the README.
        folder: with `eval-*.json` and `bench-cpu.json`.
        check: change nothing.

    Raises:
        UserError: a file is missing or cannot be read, or the markers are not there.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{readme}: cannot be read: {error.strerror}") from None
    before, inside, after = between(text, readme)
    wanted = f"\n{results(folder)}\n"
    if wanted != inside and not check:
        write_text(readme, f"{before}{BEGIN}{wanted}{END}{after}")
    return wanted != inside


def draw(folder: Path) -> None:
    """Draw the figures of a results folder anew, of those results that are there."""
    if (folder / POSTER).is_file():
        told = read_json(folder / POSTER, "a result of `edgewbc bench --suite poster`")
        if figure.drawable(told):
            figure.draw(told, folder / LEAK)
    if (folder / EDGE).is_file():
        told = read_json(folder / EDGE, "a result of `edgewbc bench --suite edge`")
        if "bench" in told:
            edge_report.draw(told, folder / FRONT)
    if (folder / PEERS).is_file():
        peers_report.draw(read_json(folder / PEERS, "a result of bench/peers/run.py"), folder / PEERS_FRONT)


def of_checkout(readme: Path = Path("README.md")) -> bool:
    """Whether the README here is one that this module keeps."""
    return readme.is_file() and BEGIN in readme.read_text(encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit codes as everywhere: 0 done, 2 bad input, 3 the README differs (with --check)."""
    parser = argparse.ArgumentParser(prog="python -m bench.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 3 where the README differs")
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--results", type=Path, default=Path("bench/results"))
    options = parser.parse_args(arguments)

    def step() -> None:
        if not options.check:
            draw(options.results)
        if rewrite(options.readme, options.results, check=options.check) and options.check:
            raise GateError(f"{options.readme}: differs from {options.results}: run python -m bench.readme")

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
