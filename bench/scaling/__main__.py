"""`python -m bench.scaling IMAGES`: cost of a million cells on one core, and growth; 4 minutes on an idle machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import console
from bench.scaling import measure, report
from bench.scaling.result import Measured, simulate
from edgewbc.bench import machine
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import say
from edgewbc.errors import UserError, exit_code
from edgewbc.images.discover import find
from edgewbc.utils import resources
from edgewbc.utils.files import write_json

BUNDLES = ("wbc5-edge", "wbc5-accurate", "wbc5-travel")
FEWEST = 8


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit code 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("images", type=Path, help="folder of images of single cells")
    parser.add_argument("--model", type=Path, action="append", help=f"bundles; default: {', '.join(BUNDLES)}")
    parser.add_argument("--most", type=int, default=1024, help="images that are used")
    parser.add_argument("--seconds", type=float, default=8.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help=f"result; default: {console.RESULTS}/scaling.json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    options = parser.parse_args(arguments)

    def step() -> None:
        files = find([options.images])
        files = files[:: max(1, len(files) // options.most)][: options.most]
        if len(files) < FEWEST:
            raise UserError(f"{options.images}: holds {len(files)} images: name a folder with more")
        bundles = [Bundle.open(path) for path in options.model or (resources.released_bundles()[n] for n in BUNDLES)]
        if bundles[0].pixels.crop == "cell":
            raise UserError(f"{bundles[0].path}: locates cells: name a bundle that takes images as they are first")
        say("stages")
        stages, samples = measure.stages(bundles[0], files)
        say("listing and small files")
        small = measure.files_per_s(files)
        costs = []
        for bundle in bundles:
            say(f"one core: {bundle.name}")
            costs.append(measure.cost(bundle, files, options.seconds, max(1, (options.rounds + 1) // 2)))
        say("one and two cores in turns")
        grown = measure.growth(bundles[0], files, (1, 2), options.seconds, options.rounds)
        measured = Measured(machine.describe(), len(files), tuple(costs), grown, stages, samples, small)
        say("simulation")
        values = simulate(measured).to_json()
        write_json(options.out or console.RESULTS / report.SCALING, values)
        text = "\n\n".join(part(values) for part in (report.cost, report.growth, report.latency))
        console.finish(values, text, as_json=options.json, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
