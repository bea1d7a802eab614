"""Run the poster study: `python -m bench.poster [--data MANIFEST]`. If it is interrupted, run it again to resume.

Each claim of the poster is trained and tested under the poster's own split and under a split by original image. It
takes hours on a CPU. The results are written after each training, to bench/results/poster.json unless --out is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import console
from bench.poster import report, study
from bench.poster.result import PosterResult
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.poster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="MANIFEST", help="manifest of the BCCD originals [EDGEWBC_DATA]")
    parser.add_argument("--work", type=Path, default=Path("runs/poster"), help="folder for runs [runs/poster]")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/poster.json]")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)

    def step() -> None:
        console.need_training_side("python -m bench.poster")
        out = options.out or console.RESULTS / "poster.json"
        reporter = console.stage_reporter()
        results = study.run(_originals(options.data), options.work, out, reporter=reporter)
        text = report.text(PosterResult.from_json(results))
        console.finish(results, text, as_json=options.json, committed=options.out is None)

    return exit_code(step)


def _originals(path: Path | None) -> Manifest:
    """The manifest of the BCCD originals: the given one, or that of the folder named by EDGEWBC_DATA."""
    if path is not None:
        return Manifest.read(path)
    folder = os.environ.get("EDGEWBC_DATA")
    if not folder:
        raise UserError(
            "the poster study needs the BCCD images: make a manifest with `edgewbc data manifest bccd DIR --to "
            "manifests/bccd` and name it with --data, or set EDGEWBC_DATA to the folder that contains bccd/"
        )
    from edgewbc.data.sources import make

    return make("bccd", Path(folder) / "bccd")


if __name__ == "__main__":
    sys.exit(main())
