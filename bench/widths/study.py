"""The widths study: the cost of a convolution on this CPU by its number of channels, in int8 and in f32.

Vector units process channels in blocks, and a number of channels between two blocks may cost as much as the next block,
so that pruning to it saves nothing. The useful multiple depends on CPU and runtime: stacks of equal 3 x 3 convolutions
(see `edgewbc.bench.peaks`) are timed at the sizes of pruned networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgewbc.bench import resource_use
from edgewbc.bench.interleave import Execute, back_and_forth, execute
from edgewbc.bench.job_result import JobError, PeakResult
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
"""Number of images, and height and width of the feature map: that of an 80 x 80 input after two halvings."""

PRECISIONS = ("int8", "f32")


def run(
    out: Path, *, widths: Sequence[int] = WIDTHS, rounds: int = 5, seconds: float = 0.3, threads: int | None = None,
    execute: Execute = execute, progress: Progress = quiet,
) -> dict[str, Any]:  # fmt: skip
    """Time all widths in interleaved rounds, and write the result.

    Args:
        out: file of results.
        widths: numbers of channels.
        rounds: number of measurements of each width and precision.
        seconds: duration of each measurement.
        threads: of OpenVINO; None leaves it to OpenVINO.
        execute: runs a job in a fresh process.
        progress: shows the number of finished measurements.

    Returns:
        the JSON that was written: machine, protocol and `widths`, which has for each precision and number of channels:
        gmac_per_s (median of the rounds), rounds, spread, `microseconds` per image and convolution, and `to_multiple`,
        its time over that of the next multiple of 8, 16, 32 and 64 (median of the ratios within each round).

    Raises:
        UserError: this CPU or runtime does not support one of the precisions.
    """
    load = resource_use.system_load()
    plan = [(precision, width) for precision in PRECISIONS for width in widths]
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in plan}
    for precision, width in progress(back_and_forth(plan, rounds), "bench", rounds * len(plan)):
        found = execute(PeakJob(precision, seconds, threads, ((PLACE[0], width, PLACE[1]),)))
        match found:
            case PeakResult():
                rates[precision, width].append(found.gmac_per_s)
            case JobError():
                raise UserError(f"{width} channels in {precision}: {found.error}")
    result = {
        "format": FORMAT,
        "machine": describe().to_json(),
        "protocol": {
            **{"rounds": rounds, "seconds": seconds, "threads": threads, "pictures": PLACE[0], "side": PLACE[1]},
            **{"load_before": load, "busy": resource_use.BUSY},
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
    """Multiply-adds per image in one convolution."""
    return PLACE[1] ** 2 * 9 * width**2
