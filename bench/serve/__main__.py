"""`python -m bench.serve IMAGES`: a load test of `edgewbc serve`, 14 minutes on an idle machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import console
from bench.serve import study
from bench.serve.result import table
from edgewbc.cli.console import say
from edgewbc.errors import GateError, exit_code
from edgewbc.utils import resources
from edgewbc.utils.files import write_json


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit code 0, 2 for bad input, 3 if the server does not reach what it is to reach."""
    parser = argparse.ArgumentParser(prog="python -m bench.serve", description=__doc__)
    parser.add_argument("images", type=Path, help="folder of images of single cells")
    parser.add_argument("--model", type=Path, help="bundle that takes images as they are; default: the shipped one")
    parser.add_argument("--most", type=int, default=512, help="images that are used")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.5, help="of a round")
    parser.add_argument("--rounds", type=int, default=7, help="of each size of requests")
    parser.add_argument("--soak", type=float, default=600.0, help="seconds of the long run with bad requests")
    parser.add_argument("--threads", type=int, help="cores of the server and of the engine; default: all")
    parser.add_argument("--out", type=Path, help=f"result; default: {console.RESULTS}/serve.json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)

    def step() -> None:
        result = study.run(
            study.Options(
                options.model or resources.shipped_bundle(),
                options.images,
                most=options.most,
                clients=options.clients,
                seconds=options.seconds,
                rounds=options.rounds,
                soak=options.soak,
                threads=options.threads,
            ),
            say,
        )
        values = result.to_json()
        write_json(options.out or console.RESULTS / "serve.json", values)
        console.finish(values, table(values), as_json=options.json, committed=options.out is None)
        if result.unmet():
            raise GateError("; ".join(result.unmet()))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
