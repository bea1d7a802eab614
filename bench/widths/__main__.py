"""Run the widths study: `python -m bench.widths`. It takes minutes and needs a quiet machine.

It measures what a convolution costs on this CPU by its number of channels, in int8 and in f32. The results are written
to bench/results/widths.json unless --out is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import console
from bench.widths import report, study
from bench.widths.result import WidthsResult
from edgewbc.cli.console import progress
from edgewbc.errors import exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.widths", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/widths.json]")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each width [5]")
    parser.add_argument("--seconds", type=float, default=0.3, help="duration of each measurement [0.3]")
    options = parser.parse_args(arguments)

    def step() -> None:
        out = options.out or console.RESULTS / "widths.json"
        results = study.run(out, rounds=options.rounds, seconds=options.seconds, progress=progress)
        text = report.text(WidthsResult.from_json(results))
        console.finish(results, text, as_json=options.json, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
