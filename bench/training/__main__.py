"""Training throughput on a CPU: `python -m bench.training MANIFEST`, 15 minutes on an idle machine.

Images/s of the loop of `edgewbc train`, from JPEG files and with the recipe's augmentation, against a loop over torch's
DataLoader with torchvision's transforms, and against the limit: forward, backward and step on a batch in memory. With
one and two cores, in f32 and bf16, with freed memory kept and returned.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import console
from bench.training.result import section
from edgewbc.bench.resource_use import BUSY, busy_warning, system_load
from edgewbc.cli.console import say
from edgewbc.errors import INTERRUPTED, exit_code
from edgewbc.utils.files import write_json

FILE = "training.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 0, 2 for bad input or too little time, or 130 after Ctrl-C."""
    console.need_training_side("python -m bench.training")
    from bench.training import study

    names = [one.name for one in study.NETWORKS]
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__)
    parser.add_argument("manifest", type=Path, help="manifest with the splits train and val")
    parser.add_argument("--networks", default=",".join(names), help="names, by commas [all]")
    parser.add_argument("--batch", type=int, help="images per step [by network]")
    parser.add_argument("--batches", type=int, help="steps per measurement [by network]")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, by commas [1,2]")
    parser.add_argument("--minutes", type=float, default=15.0, help="as many rounds as fit into this time [15]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds at most [5]")
    parser.add_argument("--out", type=Path, help=f"JSON file of results [bench/results/{FILE}]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    given = parser.parse_args(arguments)
    wanted = given.networks.split(",")
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"--networks {unknown[0]}: one of {', '.join(names)}")
    try:
        threads = tuple(int(count) for count in given.threads.split(","))
    except ValueError:
        parser.error(f"--threads {given.threads}: numbers, by commas")
    sizes = [count for count in (given.batch, given.batches) if count is not None]
    if min([*threads, given.rounds, *sizes]) < 1 or not 0 < given.minutes < float("inf"):
        parser.error("--threads, --rounds, --batch and --batches are 1 or more, --minutes more than 0")

    def step() -> None:
        networks = tuple(
            replace(one, batch=given.batch or one.batch, batches=given.batches or one.batches)
            for one in study.NETWORKS
            if one.name in wanted
        )
        options = study.Options(networks, threads=threads, minutes=given.minutes, most=given.rounds)
        load = system_load()
        if load is not None and load > BUSY:
            say(busy_warning(load))
        out = given.out or console.RESULTS / FILE
        values = study.run(given.manifest, options, out=out, say=say).to_json()
        write_json(out, values)
        study.part_of(out).unlink(missing_ok=True)
        console.finish(values, section(values), as_json=given.json, committed=given.out is None)

    try:
        return exit_code(step)
    except KeyboardInterrupt:
        say("interrupted: run the same command again to resume")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
