"""Typed rows of a benchmark: one model, backend and precision with its timing, accuracy and agreement.

In the JSON of `edgewbc bench --out` a row is one flat object; `to_json` and `from_json` translate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from edgewbc.bench.rounds import RoundRatio, round_spread
from edgewbc.bench.scores import Agreement, RowScores
from edgewbc.utils.json_values import take, values_of


@dataclass(frozen=True)
class LatencyPercentiles:
    """Percentiles of the latency of single images in milliseconds, over the n images of all rounds."""

    p50: float
    p90: float
    p95: float
    p99: float
    n: int


@dataclass(frozen=True)
class Mode:
    """How a row ran in latency or throughput mode.

    Attributes:
        threads, streams: as the runtime reports them; None where it does not.
        batch: images per inference call.
        cores_busy: processor time over wall time, median of the rounds.
    """

    threads: int | None
    streams: int | None
    batch: int
    cores_busy: float


@dataclass(frozen=True)
class RoundValues:
    """Measurements of each round.

    Attributes:
        images_per_s, latency_p50_ms, cold_start_s: one value per round.
        others, others_latency: share of the machine that other programs used during the throughput and the latency
            measurement of each round, 0..1; None where the system does not report it.
    """

    images_per_s: tuple[float, ...]
    latency_p50_ms: tuple[float, ...]
    cold_start_s: tuple[float, ...]
    others: tuple[float | None, ...]
    others_latency: tuple[float | None, ...]


@dataclass(frozen=True)
class Timing:
    """The measured part of a row; figures are medians of the rounds unless stated otherwise.

    Attributes:
        precision_ran: the precision in which most convolutions and dense layers ran; None if the runtime does not say.
        kernels: number of layers by kernel precision; None if the runtime does not say.
        isa, version: instruction set and version, as the runtime reports them.
        model_sha256, size_mb: of the model files.
        cold_start_s: seconds from the start of the process to the first prediction.
        rss_mb, rss_latency_mb: largest peak resident memory in throughput and in latency mode, in 10^6 bytes.
        images_per_s: throughput with the best batch size.
        latency_ms, latency_quantiles_ms: of single images of all rounds; 101 quantiles (0 to 100 %).
        latency_mode, throughput_mode: how the runtime was configured.
        rounds: the values behind the medians.
        spread: (max - min) / median of the rounds by figure; None for a single round.
        unsteady: the figures with a spread above `summary.WIDE`.
    """

    precision_ran: str | None
    kernels: dict[str, int] | None
    isa: str | None
    version: str | None
    model_sha256: str
    size_mb: float
    cold_start_s: float
    rss_mb: float | None
    rss_latency_mb: float | None
    images_per_s: float
    latency_ms: LatencyPercentiles
    latency_quantiles_ms: tuple[float, ...]
    latency_mode: Mode
    throughput_mode: Mode
    rounds: RoundValues
    spread: dict[str, float | None]
    unsteady: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        values = values_of(self)
        modes = {"latency": values.pop("latency_mode"), "throughput": values.pop("throughput_mode")}
        settings = {name: modes["throughput"][name] for name in ("threads", "streams", "batch")}
        return {**values, "modes": modes, **settings}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Timing:
        parts = {
            "latency_ms": LatencyPercentiles(**values["latency_ms"]),
            "latency_quantiles_ms": tuple(values["latency_quantiles_ms"]),
            "latency_mode": Mode(**values["modes"]["latency"]),
            "throughput_mode": Mode(**values["modes"]["throughput"]),
            "rounds": RoundValues(**{f.name: tuple(values["rounds"][f.name]) for f in fields(RoundValues)}),
            "spread": {name: values["spread"][name] for name in ("images_per_s", "latency_p50_ms", "cold_start_s")},
            "unsteady": tuple(values["unsteady"]),
        }
        return take(cls, {**values, **parts})


@dataclass(frozen=True)
class AppComparison:
    """OpenVINO's benchmark_app on the IR of a row, measured in the same rounds.

    Attributes:
        images_per_s: its throughput, median of the rounds.
        ratio: our throughput over its, by round.
        near: our throughput is at most 3 % below it.
        threads, streams, requests: as it reports them.
        alike: it ran with the threads and streams of our row.
        images_per_s_rounds: its throughput by round.
    """

    images_per_s: float
    ratio: RoundRatio
    near: bool
    threads: int | None
    streams: int | None
    requests: int | None
    alike: bool
    images_per_s_rounds: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        values = values_of(self)
        return {**values, **values["ratio"]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AppComparison:
        rates = tuple(values["images_per_s_rounds"])
        return take(cls, {**values, "ratio": RoundRatio.from_json(values), "images_per_s_rounds": rates})


@dataclass(frozen=True)
class BenchRow:
    """What identifies a row.

    Attributes:
        model: name of the bundle, run folder or baseline.
        backend: torch, onnx or openvino.
        precision: the requested precision: f32, bf16 or int8.
        delivered: whether a lab would run this row: the first model, in OpenVINO, in its default precision.
        input: height and width of the network's input in pixels.
        gmac: billions of multiply-adds per image; None where they cannot be counted.
        int8_share: share of the multiply-adds that the runtime runs as integer operators, of int8 rows; None for other
            rows, where it was not read back, and in results of older versions.
        baseline: whether speedups are relative to this row.
    """

    model: str
    backend: str
    precision: str
    delivered: bool = False
    input: tuple[int, int] = (0, 0)
    gmac: float | None = None
    int8_share: float | None = None
    baseline: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Model, backend and precision."""
        return self.model, self.backend, self.precision

    @property
    def name(self) -> str:
        """The row's name in conditions and comparisons: model/backend/precision."""
        return "/".join(self.key)

    def to_json(self) -> dict[str, Any]:
        names = ("model", "backend", "precision", "delivered", "gmac", "baseline")
        values = {**{name: getattr(self, name) for name in names}, "input": list(self.input)}
        if self.int8_share is not None:
            values["int8_share"] = self.int8_share
        return values | dict.fromkeys(UNMEASURED)


@dataclass(frozen=True, kw_only=True)
class FailedRow(BenchRow):
    """A row that could not be measured, and the reason in one line."""

    error: str

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"error": self.error}


@dataclass(frozen=True, kw_only=True)
class MeasuredRow(BenchRow):
    """A row that was measured.

    Attributes:
        timing: speed, memory and size.
        speedup: throughput over that of the baseline row, by round; None without a baseline.
        gmac_per_s: billions of multiply-adds per second at the median throughput.
        peak_share: multiply-adds per second over the CPU's peak in the precision that ran, by round.
        benchmark_app: the comparison with OpenVINO's benchmark; None where it was not run.
        benchmark_app_error: why it gave no result, if it was run and failed.
        scores: accuracy on labeled images; None where there are none.
        agreement: comparison of the predictions with those of the f32 reference row.
    """

    timing: Timing
    speedup: RoundRatio | None = None
    gmac_per_s: float | None = None
    peak_share: RoundRatio | None = None
    benchmark_app: AppComparison | None = None
    benchmark_app_error: str | None = None
    scores: RowScores | None = None
    agreement: Agreement | None = None

    def to_json(self) -> dict[str, Any]:
        row = super().to_json() | self.timing.to_json()
        if self.speedup is not None:
            row["speedup"], row["speedup_range"] = self.speedup.ratio, list(self.speedup.range)
            row["rounds"]["speedup"] = list(self.speedup.rounds)
            row["spread"]["speedup"] = round_spread(self.speedup.rounds)
        row["gmac_per_s"] = self.gmac_per_s
        if self.peak_share is not None:
            row["peak_share"], row["rounds"]["peak_share"] = self.peak_share.ratio, list(self.peak_share.rounds)
        if self.benchmark_app_error is not None:
            row["benchmark_app"] = {"error": self.benchmark_app_error}
        elif self.benchmark_app is not None:
            row["benchmark_app"] = self.benchmark_app.to_json()
        if self.scores is not None:
            row |= self.scores.to_json()
        if self.agreement is not None:
            row |= self.agreement.to_json()
        return row


UNMEASURED = (
    *("images_per_s", "latency_ms", "accuracy", "interval", "n", "correct", "size_mb", "rss_mb", "speedup"),
    *("reference", "precision_ran", "gmac_per_s", "peak_share", "benchmark_app", "agreement", "mcnemar", "parity"),
    "against",
)
"""Keys that every row has in JSON, with null where nothing was measured."""


def row_from_json(values: Mapping[str, Any]) -> MeasuredRow | FailedRow:
    """Read a row of a result."""
    identity = take(BenchRow, {**values, "input": (values["input"][0], values["input"][1])})
    named = {field.name: getattr(identity, field.name) for field in fields(BenchRow)}
    if values.get("error"):
        return FailedRow(**named, error=str(values["error"]))
    app = values["benchmark_app"]
    failed = None if app is None else app.get("error")
    return MeasuredRow(
        **named,
        timing=Timing.from_json(values),
        speedup=_ratio(values, "speedup"),
        gmac_per_s=values["gmac_per_s"],
        peak_share=_ratio(values, "peak_share"),
        benchmark_app=None if app is None or failed else AppComparison.from_json(app),
        benchmark_app_error=failed,
        scores=None if values["accuracy"] is None else RowScores.from_json(values),
        agreement=None if values["against"] is None else Agreement.from_json(values),
    )


def _ratio(values: Mapping[str, Any], name: str) -> RoundRatio | None:
    rounds = values["rounds"].get(name)
    return None if rounds is None or values[name] is None else replace(RoundRatio.of(rounds), ratio=values[name])
