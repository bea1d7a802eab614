"""Run the travel study: `python -m bench.travel`. If it is interrupted, run it again to resume.

Each bundle is tested on images of the laboratory that it was trained on (pbc, test split) and of others (jtsc, bccd):
with its own crop, with the canonical crop, and adapted to 2, 5, 10 and 20 labeled cells per class, as `edgewbc adapt`
does. Nothing is chosen on these images. The results are written after each part, to bench/results/travel.json unless
--out is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import console
from bench.travel import report, study
from edgewbc.cli.console import progress, say
from edgewbc.errors import UserError, exit_code

BUNDLES = ("wbc5-edge", "wbc5-accurate", "wbc5-travel", "wbc8-travel")
"""Released bundles that are measured if there are no others."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.travel", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE",
                        help=f"folders of bundles [those of {', '.join(BUNDLES)} that are released]")  # fmt: skip
    parser.add_argument("--data", type=Path, help="folder with pbc, jtsc and bccd [EDGEWBC_DATA]")
    parser.add_argument("--runs", nargs="*", type=Path, default=[], metavar="RUN",
                        help="run folders of one recipe with several seeds, for the spread without labels")  # fmt: skip
    parser.add_argument("--shots", nargs="*", type=int, default=list(study.SHOTS), help="cells per class [2 5 10 20]")
    parser.add_argument("--repeats", type=int, default=study.REPEATS, help=f"draws [{study.REPEATS}]")
    parser.add_argument("--work", type=Path, default=Path("runs/travel"), help="folder for features [runs/travel]")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/travel.json]")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)

    def step() -> None:
        data = options.data or os.environ.get("EDGEWBC_DATA")
        if not data:
            raise UserError("the travel study needs pbc, jtsc and bccd: name their folder with --data or EDGEWBC_DATA")
        released = [console.CHECKOUT / "export" / "bundles" / name for name in BUNDLES]
        bundles = options.bundles or [path for path in released if path.is_dir()]
        out = options.out or console.RESULTS / "travel.json"
        results = study.run(
            Path(data), bundles, options.work, out, runs=options.runs, shots=options.shots, repeats=options.repeats,
            say=say, progress=progress,
        )  # fmt: skip
        console.finish(results, report.text(results), as_json=options.json, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
