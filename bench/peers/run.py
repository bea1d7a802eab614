"""Measure edgewbc beside what a user would pick instead, on the same pictures, split and cores.

    python bench/peers/run.py --data manifests/pbc --bundle export/bundles/wbc5-edge \
        --weights-of export/networks/vgg16gap-112 runs/edge/lite0-112-100 --imgsz 64 80 96 112 128 \
        --work peers --out bench/results/peers.json

Each peer gets an environment of its own from the package registry, and trains or converts what it needs; all of that is
kept in --work and not done again. Then all rows are measured in turns. A peer that cannot be made is a row that says
why. With --prepare-only nothing is measured: the long part can be done before, on a machine that is not quiet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# In place of this folder, where `timm` and `torch` are peers and no packages.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [str(_HERE / "lib"), *(place for place in sys.path if place != str(_HERE))]

from peerbench.catalogue import HOME  # noqa: E402
from peerbench.study import Options, compare  # noqa: E402
from peerbench.table import text  # noqa: E402

from edgewbc.bench import plan  # noqa: E402
from edgewbc.cli.console import progress, say  # noqa: E402
from edgewbc.data.manifest import Manifest  # noqa: E402
from edgewbc.errors import UserError, exit_code  # noqa: E402
from edgewbc.runtime import host  # noqa: E402
from edgewbc.utils.files import write_json  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 done, 2 bad input."""
    options = _parser().parse_args(arguments)

    def step() -> None:
        if options.out is None and not options.prepare_only:
            raise UserError("--out: name the file of results")  # before hours are spent
        networks = options.weights_of
        if networks is None:
            reference = plan.reference_network()
            networks = [] if reference is None else [reference]
        result = compare(
            options.bundle,
            networks,
            Manifest.read(options.data),
            options.work,
            Options(
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
        print(text(result))

    return exit_code(step)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="MANIFEST", help="labelled pictures")
    add("--bundle", type=Path, nargs="+", required=True, help="ours; the first is what the peers are compared with")
    add(
        "--weights-of",
        type=Path,
        nargs="*",
        metavar="RUN",
        help="run folders that peers run too [the VGG16-GAP that came along]",
    )
    add("--work", type=Path, required=True, help="folder for pictures, environments and preparations; kept")
    add("--out", type=Path, help="file of results to write")
    add("--only", nargs="*", default=[], metavar="PEER", help="these peers [all]")
    add("--peers", type=Path, default=HOME, help="folder of the peers")
    add("--imgsz", type=int, nargs="+", default=[112], help="input sizes of networks that a peer trains [112]")
    add("--minutes", type=float, default=20.0, help="of training, for each of those [20]")
    add("--split", default="test", help="pictures that are answered [test]")
    add("--rounds", type=int, default=3, help="how often every row has its turn [3]")
    add("--seconds", type=float, default=3.0, help="length of each measurement [3]")
    add("--threads", type=int, help="of every runtime [the cores of this process]")
    add("--batches", type=int, nargs="+", default=[1, 8, 32], help="sizes to try for throughput [1 8 32]")
    add("--calibration", type=int, default=300, help="train pictures for the calibration of int8 [300]")
    add("--limit", type=int, help="at most so many pictures of each split, to try the chain")
    add("--seed", type=int, default=0, help="of training and calibration [0]")
    add("--prepare-only", action="store_true", help="stop before anything is measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
