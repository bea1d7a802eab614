"""Run the edge study: `python -m bench.edge --data MANIFEST`. If it is interrupted, run it again to resume.

It searches for the smallest network of each family that keeps the accuracy of the unpruned VGG16-GAP, and then measures
the speed of every network that was tried. It takes hours: each point is trained, pruned and quantized. The results are
written after each point, to bench/results/edge.json unless --out is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import console
from bench.edge import report, search
from bench.edge.result import EdgeResult
from edgewbc.bench.plan import reference_network
from edgewbc.cli.console import progress
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.edge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="MANIFEST", help="labeled images (train and val)")
    parser.add_argument("--work", type=Path, default=Path("runs/edge"), help="folder for runs [runs/edge]")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/edge.json]")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)

    def step() -> None:
        console.need_training_side("python -m bench.edge")
        reference = reference_network()
        if reference is None:
            raise UserError("the edge study needs the unpruned network of a checkout (export/networks)")
        manifest, out = Manifest.read(options.data), options.out or console.RESULTS / "edge.json"
        reporter = console.stage_reporter()
        results = search.run(manifest, options.work, out, reference=reference, reporter=reporter)
        results = search.measure(results, manifest, options.work, out, reporter=reporter, progress=progress)
        text = report.text(EdgeResult.from_json(results))
        console.finish(results, text, as_json=options.json, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
