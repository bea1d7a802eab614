"""Result of the load test, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.serve.load import Load
from edgewbc.bench.machine import Machine
from edgewbc.utils.json_values import take
from edgewbc.utils.text import figure, markdown

LEAST_RATIO = 0.8
"""Share of the engine's throughput that the server is to reach at `Result.clients` clients, for any size of request."""
MOST_GROWTH = 1.05
"""Most memory at the end of the soak, as a ratio to that after its warm-up."""


@dataclass(frozen=True)
class Rate:
    """Throughput with requests of one size, in the same rounds as the engine's.

    Attributes:
        images: in a request.
        images_per_s: by round.
        engine_per_s: of `classify` on the same images, by round.
        latency_ms: percentiles of the requests of all rounds, from the last one.
        client_cpu_share: CPU time of the generator, of all that all cores have.
        server_cpu_share: of the server.
        server_ms: CPU time of the server for an image.
        engine_ms: CPU time of `classify` for an image.
        wrong: responses that were not as expected.
        http_ms: of `server_ms`, that of the thread that does HTTP; None where the system does not tell.
    """

    images: int
    images_per_s: tuple[float, ...]
    engine_per_s: tuple[float, ...]
    latency_ms: dict[str, float]
    client_cpu_share: float
    server_cpu_share: float
    server_ms: float
    engine_ms: float
    wrong: int
    http_ms: float | None = None

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios to the engine's throughput."""
        return median(one / other for one, other in zip(self.images_per_s, self.engine_per_s, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """The throughput over what the engine would reach with the CPU time that the server's process used.

        Other than `ratio`, it does not count the CPU time of the clients, nor time in which cores were idle.
        """
        return self.engine_ms / self.server_ms if self.server_ms else 0.0


@dataclass(frozen=True)
class Soak:
    """A long run with bad requests mixed in.

    Attributes:
        load: what was sent and came back.
        rss_mb: memory of the server over time: seconds, 10^6 bytes.
        errors_500: requests that the server counted as its own errors.
    """

    load: Load
    rss_mb: tuple[tuple[float, float], ...]
    errors_500: int

    @property
    def growth(self) -> float:
        """Memory at the end over that after the warm-up: medians of the last and of the second tenth."""
        values = [mb for _, mb in self.rss_mb]
        part = max(1, len(values) // 10)
        return median(values[-part:]) / median(values[part : 2 * part] or values[:part])


@dataclass(frozen=True)
class Result:
    """What `python -m bench.serve` measured.

    Attributes:
        machine: where.
        model, precision: of the bundle.
        images: distinct images.
        clients: connections.
        rates: by size of a request.
        soak: the long run.
        flood: many more clients than the queue has room for: each gets a response, 200 or 429.
        drained: requests under way at SIGTERM, and those that were answered.
        exit_code: of the server.
        parser: of HTTP, a module's name; empty in results of before it was noted.
    """

    machine: Machine
    model: str
    precision: str
    images: int
    clients: int
    rates: tuple[Rate, ...]
    soak: Soak
    flood: Load
    drained: tuple[int, int]
    exit_code: int
    parser: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; ratios and what was met are there to be read."""
        values = asdict(self)
        values["machine"] = self.machine.to_json()
        for rate, found in zip(self.rates, values["rates"], strict=True):
            found["ratio"] = round(rate.ratio, 3)
            found["cpu_ratio"] = round(rate.cpu_ratio, 3)
        values["soak"]["growth"] = round(self.soak.growth, 4)
        values["unmet"] = self.unmet()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Result:
        """Read what `to_json` wrote."""
        soak = values["soak"]
        return cls(
            Machine.from_json(values["machine"]),
            values["model"],
            values["precision"],
            values["images"],
            values["clients"],
            tuple(
                take(Rate, {**rate, **{key: tuple(rate[key]) for key in ("images_per_s", "engine_per_s")}})
                for rate in values["rates"]
            ),
            Soak(
                take(Load, soak["load"]),
                tuple((float(second), float(mb)) for second, mb in soak["rss_mb"]),
                soak["errors_500"],
            ),
            take(Load, values["flood"]),
            (values["drained"][0], values["drained"][1]),
            values["exit_code"],
            values.get("parser", ""),
        )

    def unmet(self) -> list[str]:
        """Return what the server did not reach, a line each."""
        least = min(self.rates, key=lambda rate: rate.ratio)
        wrong = sum(rate.wrong for rate in self.rates) + self.soak.load.wrong + self.flood.wrong
        lost = self.drained[0] - self.drained[1]
        found = {
            f"{least.ratio:.0%} of the engine's throughput with {least.images} images per request, not "
            f"{LEAST_RATIO:.0%}": least.ratio < LEAST_RATIO,
            f"{wrong} responses were not as expected: {'; '.join(self.soak.load.shown[:2])}": wrong > 0,
            f"{self.soak.errors_500} errors of the server": self.soak.errors_500 > 0,
            f"memory grew to {self.soak.growth:.2f} times": self.soak.growth > MOST_GROWTH,
            f"{lost} requests were lost at SIGTERM": lost > 0,
            f"the server ended with {self.exit_code}": self.exit_code != 0,
        }
        return [text for text, is_so in found.items() if is_so]


def median(values: Any) -> float:
    """Return the median of numbers (the upper one of two)."""
    ordered = sorted(values)
    return float(ordered[len(ordered) // 2])


def table(values: Mapping[str, Any]) -> str:
    """Return the result as Markdown."""
    result = Result.from_json(values)
    machine, soak = result.machine, result.soak
    header = (
        *("images per request", "images/s", "of `classify`", "p50 / p99 ms", "server, ms per image"),
        *("of it HTTP", "`classify`, ms", "CPU efficiency", "CPU of the clients", "cores busy", "by `classify`"),
    )
    lines = [
        [
            str(rate.images),
            figure(median(rate.images_per_s)),
            f"{rate.ratio:.0%}",
            f"{figure(rate.latency_ms.get('p50'))} / {figure(rate.latency_ms.get('p99'))}",
            f"{rate.server_ms:.2f}",
            figure(rate.http_ms),
            f"{rate.engine_ms:.2f}",
            f"{rate.cpu_ratio:.0%}",
            f"{rate.client_cpu_share:.0%}",
            f"{rate.server_cpu_share + rate.client_cpu_share:.0%}",
            f"{rate.engine_ms * median(rate.engine_per_s) / 1e3 / machine.cores:.0%}",
        ]
        for rate in result.rates
    ]
    count = sum(soak.load.requests.values())
    bad = sum(number for kind, number in soak.load.requests.items() if not kind.startswith("good "))
    flood = result.flood.requests
    parsed = f", HTTP parsed by {result.parser}" if result.parser else ""
    return (
        f"{markdown(header, lines, range(len(header)))}\n\n"
        f"{result.model} {result.precision} on {machine.cpu}, {machine.cores} cores, {result.clients} clients, each "
        f"with one request at a time{parsed}; server, clients and `classify` on the same cores, in turns "
        f"({len(result.rates[0].images_per_s)} rounds, medians). Of `classify`: images/s over its own, when it "
        "has the cores to itself. Milliseconds per image are CPU time; those of HTTP are of the thread that reads "
        "requests and writes responses. CPU efficiency: images/s over those that "
        "`classify` would reach with the CPU time that the server's process used, that is, its milliseconds over the "
        "server's. CPU of the clients: of all cores. Cores busy: CPU time of server and clients, "
        "and of `classify` in its own rounds, of all cores; the rest they were idle or another program had them.\n\n"
        f"Soak: {soak.load.seconds:.0f} seconds, {count:,} requests, {bad:,} of them bad on purpose; "
        f"{soak.load.wrong} responses not as expected, {soak.errors_500} errors of the server; p50 / p99 "
        f"{figure(soak.load.latency_ms.get('p50'))} / {figure(soak.load.latency_ms.get('p99'))} ms; memory "
        f"{median(mb for _, mb in soak.rss_mb):.0f} MB, at the end {soak.growth:.3f} times that after the warm-up. "
        f"Flood: {flood.get('good 200', 0):,} answered, {flood.get('good 429', 0):,} refused with 429, "
        f"{result.flood.wrong} lost or wrong. SIGTERM with {result.drained[0]} requests under way: {result.drained[1]} "
        f"answered, exit code {result.exit_code}."
    )
