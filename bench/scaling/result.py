"""Result of `python -m bench.scaling`: what was measured, the assumptions, and what was simulated from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from bench.scaling import queueing
from bench.scaling.measure import Cost, Files, Growth, Samples, Stages
from bench.scaling.queueing import Storage
from edgewbc.bench.machine import Machine
from edgewbc.utils.json_values import take

WATTS_PER_CORE = 10.0
"""Assumed power of a busy core with its share of memory, fans and power supply: 320 W for a server of 32 cores."""
SEED = 17
CORES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LOADS = (0.5, 0.7, 0.8, 0.9, 0.95)
SERVERS = (1, 2, 8, 32)
IMAGES = 40_000
JOBS = 60_000
STORAGES = (
    Storage("local NVMe disk, a file for each image", 200_000, 50_000, 2e9),
    Storage("network drive, 1 Gbit/s, a file for each image", 5_000, 2_000, 1.1e8),
    Storage("object store, 10 Gbit/s, an object for each image", 5_000, 3_200, 1.2e9),
    Storage("object store, 10 Gbit/s, Parquet files of images", 5_000_000, 100_000, 1.2e9),
)
ASSUMPTIONS = (
    f"A busy core takes {WATTS_PER_CORE:g} W, with its share of memory, fans and power supply.",
    "Cores beyond two are as fast as each of two: memory bandwidth and clock do not fall further, and none of them is "
    "a second thread of another.",
    "An image takes the CPU time that was measured for it; images are drawn from those measured, independently.",
    "Storage, network and listing are one station each, with the rates of the table; they were assumed, not measured.",
    f"An archive has {queueing.WINDOW} images for each core between listing and the end; writing rows costs nothing.",
    "Requests arrive at random (Poisson), an image each, and wait in one queue for the first core that is free; HTTP "
    "costs nothing, and batches neither cost nor save time.",
    "Nothing fails, and no machine waits for another.",
)


@dataclass(frozen=True)
class Measured:
    """What was measured on one machine.

    Attributes:
        machine: where.
        images: number of images.
        costs: of each bundle, on one core.
        growth: of the first bundle.
        stages: of the first bundle.
        samples: of the first bundle.
        files: listing and small files.
    """

    machine: Machine
    images: int
    costs: tuple[Cost, ...]
    growth: Growth
    stages: Stages
    samples: Samples
    files: Files

    @property
    def efficiency(self) -> float:
        """Throughput on two cores over twice that on one; 1 at most."""
        one, two = (median(self.growth.images_per_s[count]) for count in (1, 2))
        return min(1.0, two / (2 * one))


@dataclass(frozen=True)
class ArchivePoint:
    """A simulated run over an archive.

    Attributes:
        storage: name of it.
        cores: number of cores.
        images_per_s: throughput.
        limit: the station that is busiest.
    """

    storage: str
    cores: int
    images_per_s: float
    limit: str


@dataclass(frozen=True)
class LatencyPoint:
    """A simulated server.

    Attributes:
        cores: number of cores.
        load: share of the cores' time that is used.
        images_per_s: that arrive.
        p50_ms, p99_ms: from arrival to the end.
    """

    cores: int
    load: float
    images_per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Result:
    """Everything; `to_json` adds the assumptions."""

    measured: Measured
    archive: tuple[ArchivePoint, ...]
    latency: tuple[LatencyPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        measured = asdict(self.measured)
        measured["machine"] = self.measured.machine.to_json()
        measured["growth"] = {str(count): list(rates) for count, rates in self.measured.growth.images_per_s.items()}
        return {
            "measured": measured,
            "efficiency": round(self.measured.efficiency, 4),
            "assumptions": list(ASSUMPTIONS),
            "storages": [asdict(storage) for storage in STORAGES],
            "watts_per_core": WATTS_PER_CORE,
            "seed": SEED,
            "archive": [asdict(point) for point in self.archive],
            "latency": [asdict(point) for point in self.latency],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Result:
        """Read what `to_json` wrote."""
        found = values["measured"]
        measured = Measured(
            Machine.from_json(found["machine"]),
            found["images"],
            tuple(Cost(cost["bundle"], tuple(cost["images_per_s"]), tuple(cost["cpu_ms"])) for cost in found["costs"]),
            Growth({int(count): tuple(rates) for count, rates in found["growth"].items()}),
            take(Stages, found["stages"]),
            Samples(
                tuple(found["samples"]["services_ms"]), tuple(found["samples"]["sizes"]), found["samples"]["row_bytes"]
            ),
            take(Files, found["files"]),
        )
        return cls(
            measured,
            tuple(take(ArchivePoint, point) for point in values["archive"]),
            tuple(take(LatencyPoint, point) for point in values["latency"]),
        )


def simulate(measured: Measured, images: int = IMAGES, jobs: int = JOBS) -> Result:
    """Simulate archives and servers from what was measured; the same numbers each time.

    Args:
        measured: on this machine.
        images: of an archive, for each number of cores; more where they would not fill the windows.
        jobs: of a server.
    """
    alone = np.asarray(measured.samples.services_ms) / 1e3
    shared = alone / measured.efficiency
    sizes = np.asarray(measured.samples.sizes, np.float64)
    archive, latency = [], []
    for row, storage in enumerate(STORAGES):
        for cores in CORES:
            rng = np.random.default_rng((SEED, 0, row, cores))
            count = max(images, 3 * queueing.WINDOW * cores)
            found = queueing.archive(rng, alone if cores == 1 else shared, sizes, cores, storage, count)
            archive.append(ArchivePoint(storage.name, cores, round(found.images_per_s, 1), found.limit))
    for cores in SERVERS:
        services = alone if cores == 1 else shared
        for load in LOADS:
            rng = np.random.default_rng((SEED, 1, cores, round(100 * load)))
            wait = queueing.open_queue(rng, services, cores, load, jobs)
            whole = 1e3 * (wait + rng.choice(services, len(wait)))
            rate = load * cores / float(services.mean())
            p50, p99 = (round(queueing.percentile(whole, share), 3) for share in (0.5, 0.99))
            latency.append(LatencyPoint(cores, load, round(rate, 1), p50, p99))
    return Result(measured, tuple(archive), tuple(latency))
