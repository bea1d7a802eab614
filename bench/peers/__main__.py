"""Compare edgewbc with other toolkits on the same images, split and cores.

    python -m bench.peers --data manifests/pbc --bundle export/bundles/wbc5-edge \
        --weights-of export/networks/vgg16gap-112 export/networks/lite0-112 --imgsz 64 80 96 112 128 \
        --work peers --out bench/results/peers.json

Each toolkit is installed in an environment of its own from the package registry, and trains or converts its networks.
All of that is kept in --work and reused by the next run. Then all rows are measured in interleaved rounds. A toolkit
that cannot be installed or run becomes a row with the reason. --prepare-only stops before the measurements, so that the
long part can be done on a busy machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# `peerbench` is in lib/, apart from the toolkits' folders: `timm` and `torch` there would hide the packages.
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from peerbench.catalog import HOME  # noqa: E402
from peerbench.study import CompareOptions, compare  # noqa: E402
from peerbench.table import text  # noqa: E402

from bench.console import RESULTS, refresh_tables  # noqa: E402
from edgewbc.bench import plan  # noqa: E402
from edgewbc.cli.console import progress, say  # noqa: E402
from edgewbc.data.manifest import Manifest  # noqa: E402
from edgewbc.errors import UserError, exit_code  # noqa: E402
from edgewbc.runtime import host  # noqa: E402
from edgewbc.utils.files import write_json  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    options = _parser().parse_args(arguments)

    def step() -> None:
        if options.out is None and not options.prepare_only:
            raise UserError("--out is missing: name the file of results")  # before hours are spent
        networks = options.weights_of
        if networks is None:
            reference = plan.reference_network()
            networks = [] if reference is None else [reference]
        result = compare(
            options.bundle,
            networks,
            Manifest.read(options.data),
            options.work,
            CompareOptions(
                split=options.split,
                rounds=options.rounds,
                seconds=options.seconds,
                threads=options.threads or host.cores(),
                batches=tuple(options.batches),
                minutes=options.minutes,
                sizes=tuple(options.imgsz),
                calibration=options.calibration,
                limit=options.limit,
                seed=options.seed,
            ),
            only=options.only,
            home=options.peers,
            prepare_only=options.prepare_only,
            progress=progress,
            say=say,
        )
        if options.out is not None:
            write_json(options.out, result)
            if options.out.resolve().parent == RESULTS:
                refresh_tables()
        print(text(result))

    return exit_code(step)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="MANIFEST", help="manifest of labeled images")
    add(
        "--bundle", type=Path, nargs="+", required=True, help="bundles of edgewbc; the first is the one to compare with"
    )
    add(
        "--weights-of",
        type=Path,
        nargs="*",
        metavar="RUN",
        help="run folders whose networks the other toolkits run too [the shipped VGG16-GAP]",
    )
    add("--work", type=Path, required=True, help="folder for images, environments and trained networks; kept")
    add("--out", type=Path, help="JSON file of results")
    add("--only", nargs="*", default=[], metavar="PEER", help="only these toolkits [all]")
    add("--peers", type=Path, default=HOME, help="folder of the toolkits' scripts")
    add(
        "--imgsz",
        type=int,
        nargs="+",
        default=[112],
        help="input sizes in pixels of the networks that a toolkit trains [112]",
    )
    add("--minutes", type=float, default=20.0, help="minutes of training for each of them [20]")
    add("--split", default="test", help="split to score [test]")
    add("--rounds", type=int, default=3, help="measurements of every row [3]")
    add("--seconds", type=float, default=3.0, help="seconds of each measurement [3]")
    add("--threads", type=int, help="threads of every runtime [number of cores]")
    add("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes to try for throughput [1 8 32]")
    add("--calibration", type=int, default=300, help="number of train images for the calibration of int8 [300]")
    add("--limit", type=int, help="use at most N images of each split, for a trial")
    add("--seed", type=int, default=0, help="seed of training and calibration [0]")
    add("--prepare-only", action="store_true", help="stop before the measurements")
    return parser


if __name__ == "__main__":
    sys.exit(main())
