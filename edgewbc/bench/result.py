"""The result of a benchmark: `edgewbc bench --out` writes it, the page, the tables and `compare` read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgewbc.bench.machine import Machine
from edgewbc.bench.row import FailedRow, MeasuredRow, row_from_json
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json
from edgewbc.utils.json_values import take, values_of

FORMAT = 2
"""Version of the JSON. Version 1 had one measurement per row, and no `format`."""

WHAT = "a result of `edgewbc bench --out`"


@dataclass(frozen=True)
class BenchData:
    """The images of a benchmark.

    Attributes:
        source: name of the data set, or `synthetic`; None if the manifest does not name it.
        protocol, split, manifest_sha256: None for synthetic images that were only timed.
        n, of: number of images with predictions, of those in the split.
        classes: of the first model; None without a manifest.
        truth: one character per image, the class index of its label in base 36; None without a manifest, or for more
            than 36 classes.
    """

    source: str | None
    protocol: str | None = None
    split: str | None = None
    manifest_sha256: str | None = None
    n: int = 0
    of: int = 0
    classes: tuple[str, ...] | None = None
    truth: str | None = None

    def to_json(self) -> dict[str, Any]:
        values = values_of(self)
        if self.classes is None:
            del values["classes"], values["truth"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BenchData:
        classes = values.get("classes")
        return take(cls, {**values, "classes": None if classes is None else tuple(classes)})


@dataclass(frozen=True)
class LoadDuring:
    """Share of the machine that other programs used during the measurements: median and largest, 0..1."""

    median: float
    most: float


@dataclass(frozen=True)
class BenchProtocol:
    """How a benchmark was measured.

    Attributes:
        rounds: number of measurements of every row.
        seconds: duration of each measurement.
        threads: of every runtime; None leaves it to the runtime.
        batches: batch sizes tried for throughput.
        order: the order of the measurements, in words.
        wide: spread of the rounds above which a figure is unsteady.
        load_before: share of the machine that was in use before the benchmark; None where it is not known.
        load_during: of other programs during the measurements; None where it is not known.
        busy: share above which the machine counts as busy.
        baseline: input size of the unpruned baseline network in pixels, if it was timed.
    """

    rounds: int
    seconds: float
    threads: int | None
    batches: tuple[int, ...]
    order: str
    wide: float
    load_before: float | None
    load_during: LoadDuring | None
    busy: float
    baseline: int | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BenchProtocol:
        during = values["load_during"]
        parts = {"batches": tuple(values["batches"]), "load_during": None if during is None else LoadDuring(**during)}
        return take(cls, {**values, **parts})


@dataclass(frozen=True)
class Peak:
    """The most multiply-adds per second that a plain convolution reached in one precision.

    Attributes:
        gmac_per_s: billions per second, median of the rounds.
        rounds, spread: by round, and (max - min) / median.
        shape: images, channels, and height and width of the best stack of convolutions.
        kernels: names of the kernels that ran.
        threads, streams: as OpenVINO reports them.
    """

    gmac_per_s: float
    rounds: tuple[float, ...]
    spread: float | None
    shape: tuple[int, ...]
    kernels: tuple[str, ...]
    threads: int
    streams: int

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Peak:
        return take(cls, {**values, **{name: tuple(values[name]) for name in ("rounds", "shape", "kernels")}})


@dataclass(frozen=True)
class BenchResult:
    """A benchmark of models on one machine.

    Attributes:
        machine: the machine and the versions of the runtimes.
        data: the images.
        protocol: how it was measured.
        peaks: of the CPU, by precision.
        peak_errors: why a peak could not be measured, by precision.
        rows: one for each model, backend and precision.
    """

    machine: Machine
    data: BenchData
    protocol: BenchProtocol
    peaks: dict[str, Peak]
    peak_errors: dict[str, str]
    rows: tuple[MeasuredRow | FailedRow, ...]

    @property
    def measured(self) -> list[MeasuredRow]:
        """The rows that could be measured."""
        return [row for row in self.rows if isinstance(row, MeasuredRow)]

    @property
    def failed(self) -> list[FailedRow]:
        """The rows that could not be measured."""
        return [row for row in self.rows if isinstance(row, FailedRow)]

    @property
    def baseline(self) -> MeasuredRow | None:
        """The row that speedups are relative to."""
        return next((row for row in self.measured if row.baseline), None)

    @property
    def lowest_accuracy(self) -> float | None:
        """The lowest accuracy of a row; None if no accuracy was measured."""
        return min((row.scores.accuracy for row in self.measured if row.scores is not None), default=None)

    def with_rows(self, *rows: MeasuredRow | FailedRow) -> BenchResult:
        """A copy with other rows."""
        return replace(self, rows=rows)

    def to_json(self) -> dict[str, Any]:
        peaks = {name: values_of(peak) for name, peak in self.peaks.items()}
        return {
            "machine": self.machine.to_json(),
            "format": FORMAT,
            "data": self.data.to_json(),
            "protocol": values_of(self.protocol),
            "peaks": peaks | {name: {"error": error} for name, error in self.peak_errors.items()},
            "rows": [row.to_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BenchResult:
        """Read a result from its JSON.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is not a result of this format.
        """
        peaks = values["peaks"]
        return cls(
            machine=Machine.from_json(values["machine"]),
            data=BenchData.from_json(values["data"]),
            protocol=BenchProtocol.from_json(values["protocol"]),
            peaks={name: Peak.from_json(one) for name, one in peaks.items() if not one.get("error")},
            peak_errors={name: one["error"] for name, one in peaks.items() if one.get("error")},
            rows=tuple(row_from_json(row) for row in values["rows"]),
        )

    @classmethod
    def read(cls, path: Path) -> BenchResult:
        """Read the file that `edgewbc bench --out` wrote.

        Raises:
            UserError: the file is missing, is something else, or has another format.
        """
        values = read_json(path, WHAT)
        if not isinstance(values, dict) or not {"machine", "data", "rows"} <= set(values):
            raise UserError(f"{path}: is not {WHAT}")
        if values.get("format") != FORMAT:
            raise UserError(
                f"{path}: has format {values.get('format', 1)}, and this version of edgewbc reads format {FORMAT}: "
                "measure again with edgewbc bench --out"
            )
        try:
            return cls.from_json(values)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise UserError(f"{path}: is damaged, or is not {WHAT}: {error!r}") from None
