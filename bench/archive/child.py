"""One run of `classify` in a process of its own, timed from within: `python -m bench.archive.child ENGINE IN OUT`.

Writes OUT.status while it runs (images so far) and OUT.times at the end: seconds from the start of the process at which
a tenth and nine tenths of the images had been recorded, and at which everything was written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgewbc.archive import run as archive
from edgewbc.archive.cluster import ClusterOptions
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import exit_code
from edgewbc.lab import session
from edgewbc.lab.classify_request import ClassifyRequest
from edgewbc.lab.processes import Processes
from edgewbc.utils import resources
from edgewbc.utils.files import write_json

EVERY = 100
"""Images between two writes of the status."""


class Clock:
    """A `Progress` that notes when images were recorded.

    Attributes:
        moments: seconds at which each image was recorded.
    """

    def __init__(self, status: Path) -> None:
        self.moments: list[float] = []
        self._status = status

    def __call__(self, items: Iterable[Any], what: str, total: int | None = None) -> Iterator[Any]:
        """Yield the items."""
        for number, item in enumerate(items, 1):
            if what == "classify":
                self.moments.append(time.perf_counter())
                if number % EVERY == 0:
                    with suppress(OSError):
                        self._status.write_text(str(number))
            yield item


def classify(engine: str, images: Path, out: Path, model: Path, threads: int, start: float) -> None:
    """Classify a folder and write what was noted."""
    clock = Clock(out.with_suffix(".status"))
    request = ClassifyRequest([images], out, threads=threads)
    options = ClusterOptions(workers=threads)

    def opened() -> Bundle:
        return Bundle.open(model)

    if engine == "ray":
        archive.classify(request, options, opened, sys.stdout, say=_quiet, progress=clock)
    else:
        own = Processes() if engine == "processes" else None
        session.run(request, opened, sys.stdout, say=_quiet, progress=clock, engine=own)
    moments, n = clock.moments, len(clock.moments)
    times = {"n": n, "whole": time.perf_counter() - start, "driver_cpu": time.process_time()}
    if n >= 10:
        times |= {"tenth": moments[n // 10] - start, "nine_tenths": moments[9 * n // 10] - start}
        times |= {"first": moments[0] - start, "last": moments[-1] - start}
    write_json(out.with_suffix(".times"), times)


def _quiet(_: str) -> None:
    return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser(prog="python -m bench.archive.child", description=__doc__)
    parser.add_argument("engine", choices=["pc", "processes", "ray"])
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    model = options.model or resources.shipped_bundle()
    return exit_code(lambda: classify(options.engine, options.images, options.out, model, options.threads, start))


if __name__ == "__main__":
    sys.exit(main())
