"""`bench --suite widths`: what a convolution costs on this CPU by its number of channels, in int8 and in f32.

Vector units work on channels in blocks, and a count between two blocks may cost as much as the next one: pruning to it
saves nothing. Which multiple is worth its while is a property of CPU and runtime, so it is measured: stacks of equal
3 x 3 convolutions, as `bench.peaks` times them, of a size that pruned networks have.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgewbc.bench import system_load
from edgewbc.bench.interleave import Execute, back_and_forth, execute
from edgewbc.bench.machine import describe
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.rounds import RoundRatio, round_spread, tidy
from edgewbc.errors import UserError
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet

FORMAT = 1
WIDTHS = (*range(8, 81, 8), 96, 112, 128)
MULTIPLES = (8, 16, 32, 64)
PLACE = (8, 20)
"""Pictures, and height and width: what an input of 80 x 80 has left after two halvings."""

PRECISIONS = ("int8", "f32")


def run(
    out: Path, *, widths: Sequence[int] = WIDTHS, rounds: int = 5, seconds: float = 0.3, threads: int | None = None,
    execute: Execute = execute, progress: Progress = quiet,
) -> dict[str, Any]:  # fmt: skip
    """Time all widths in turns, and write the result.

    Args:
        out: the results' file.
        seconds: of each measurement, of which each width has one a round and precision.
        execute: runs a job in a fresh process.

    Returns:
        what was written: machine, protocol and `widths`: for each precision and channel count gmac_per_s (median of the
        rounds), rounds, spread, `microseconds` of a picture in one convolution, and `to_multiple`: its time over that
        of the next multiple of 8, 16, 32 and 64 where that was timed (median of the ratios within each round).

    Raises:
        UserError: this CPU or runtime does not compute in one of the precisions.
    """
    used = system_load.before()
    plan = [(precision, width) for precision in PRECISIONS for width in widths]
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in plan}
    for precision, width in progress(back_and_forth(plan, rounds), "bench", rounds * len(plan)):
        found = execute(PeakJob(precision, seconds, threads, ((PLACE[0], width, PLACE[1]),)))
        if found.get("error"):
            raise UserError(f"{width} channels in {precision}: {found['error']}")
        rates[precision, width].append(found["gmac_per_s"])
    result = {
        "format": FORMAT,
        "machine": describe().to_json(),
        "protocol": {
            **{"rounds": rounds, "seconds": seconds, "threads": threads, "pictures": PLACE[0], "side": PLACE[1]},
            **{"load_before": used, "busy": system_load.BUSY},
        },
        "widths": {precision: _of(precision, widths, rates) for precision in PRECISIONS},
    }
    write_json(out, result)
    return result


def _of(precision: str, widths: Sequence[int], rates: dict[tuple[str, int], list[float]]) -> dict[str, Any]:
    seconds = {width: [_macs(width) / (rate * 1e9) for rate in rates[precision, width]] for width in widths}
    found = {}
    for width, taken in seconds.items():
        beside = {step: -(-width // step) * step for step in MULTIPLES}
        mine = rates[precision, width]
        found[str(width)] = {
            "gmac_per_s": tidy(median(mine)),
            "rounds": [tidy(rate) for rate in mine],
            "spread": round_spread(mine),
            "microseconds": tidy(median(taken) * 1e6),
            "to_multiple": {
                str(step): RoundRatio.between(taken, seconds[other]).ratio
                for step, other in beside.items()
                if other in seconds
            },
        }
    return found


def _macs(width: int) -> int:
    """Of a picture in one convolution."""
    return PLACE[1] ** 2 * 9 * width**2
