"""What archives cost on Ray: `python -m bench.archive`, about 15 minutes on two cores that do nothing else.

Throughput beside plain `classify` (in turn, in one run), memory, kills of workers and of the driver, and the search for
near duplicates. Each part is written when it is done; if the study is interrupted, run it again to resume.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import console
from bench.archive import audits, report, runs
from bench.archive.runs import Setup
from edgewbc.bench import machine
from edgewbc.cli.console import say
from edgewbc.errors import UserError, exit_code
from edgewbc.utils.files import read_json, write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.archive", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with pbc [EDGEWBC_DATA]")
    parser.add_argument("--model", type=Path, help="bundle [the shipped one]")
    parser.add_argument("--images", type=int, default=20_000, help="images of a run [20000]")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each engine [3]")
    parser.add_argument("--threads", type=int, default=2, help="cores [2]")
    parser.add_argument("--kills", type=int, default=2, help="kills of the driver, and of a worker [2]")
    parser.add_argument("--audit", type=int, nargs=3, default=[10_000, 100_000, 10_000_000], metavar="N",
                        help="images from files, views of them, synthetic hashes [10000 100000 10000000]")  # fmt: skip
    parser.add_argument("--work", type=Path, help="folder for links and results [a temporary one]")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/archive.json]")
    parser.add_argument("--again", action="store_true", help="measure everything again, instead of resuming")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)

    def step() -> None:
        data = options.data or os.environ.get("EDGEWBC_DATA")
        if not data:
            raise UserError("the study of archives needs pbc: name its folder with --data or EDGEWBC_DATA")
        with tempfile.TemporaryDirectory(prefix="edgewbc-archive-") as temporary:
            out = options.out or console.RESULTS / "archive.json"
            results = study(options, Path(data), options.work or Path(temporary), out)
        console.finish(results, report.text(results), as_json=options.json, committed=options.out is None)

    return exit_code(step)


def study(options: argparse.Namespace, data: Path, work: Path, out: Path) -> dict[str, Any]:
    """Measure the parts that the file of results does not hold; return the results."""
    asked = {
        "images": options.images,
        "rounds": options.rounds,
        "threads": options.threads,
        "kills": options.kills,
        "audit": options.audit,
    }
    results: dict[str, Any] = {}
    if out.exists() and not options.again:
        results = dict(read_json(out, "results of bench.archive"))
        if results.get("asked") != asked:
            results = {}
    results |= {"asked": asked, "machine": asdict(machine.describe())}
    setup = Setup(work.absolute(), options.model, options.threads)
    work.mkdir(parents=True, exist_ok=True)
    sources = audits.images_of(data)
    if not sources:
        raise UserError(f"{data}: no images in pbc")

    def folder(count: int) -> Path:
        return runs.link_images(sources, work / f"images-{count}", count)

    def expected() -> Path:
        plain = work / "pc.csv"
        if not plain.exists():
            setup.run("pc", folder(options.images), plain)
        return plain

    quarter = max(1, options.images // 4)
    parts: dict[str, Callable[[], Any]] = {
        "throughput": lambda: runs.throughput(setup, folder(options.images), options.rounds, say),
        "memory": lambda: runs.memory(setup, [folder(quarter), folder(options.images)]),
        "memory_of_processes": lambda: runs.memory(setup, [folder(options.images)], "processes"),
        "kills": lambda: runs.kills(setup, folder(options.images), expected(), options.kills, 17, say),
        "audit": lambda: [
            audits.in_a_process(kind, n, data)
            for kind, n in zip(("images", "views", "hashes"), options.audit, strict=True)
        ],
    }
    for name, part in parts.items():
        if name not in results:
            say(f"archive: {name}")
            results[name] = part()
            write_json(out, results)
    return results


if __name__ == "__main__":
    sys.exit(main())
