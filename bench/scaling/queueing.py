"""Queues by simulation: images that wait for a core, and an archive that goes through listing, storage and cores.

Every queue is first come, first served. The tests compare them with the closed forms of M/M/1, M/D/1 and M/M/c.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def waits(arrivals: Array, services: Array, cores: int) -> Array:
    """Return how long each job waits for one of several equal cores.

    Args:
        arrivals: times, (n,), ascending.
        services: seconds that each job takes on a core, (n,).
        cores: 1 or more.
    """
    free = [0.0] * cores
    found = np.empty(len(arrivals))
    for index, (arrival, service) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
        begin = max(arrival, free[0])
        found[index] = begin - arrival
        heapq.heapreplace(free, begin + service)
    return found


def open_queue(rng: np.random.Generator, services: Array, cores: int, load: float, jobs: int) -> Array:
    """Return the waits of jobs that arrive at random (Poisson), those of the first tenth left out.

    Args:
        rng: random numbers.
        services: seconds of service, to draw from.
        cores: 1 or more.
        load: share of the cores' time that is used, below 1.
        jobs: number of jobs.
    """
    drawn = rng.choice(services, jobs)
    rate = load * cores / float(services.mean())
    arrivals = np.cumsum(rng.exponential(1 / rate, jobs))
    return waits(arrivals, drawn, cores)[jobs // 10 :]


@dataclass(frozen=True)
class Storage:
    """Where the images of an archive lie, as one station that serves all cores.

    Attributes:
        name: of it.
        list_per_s: names that are listed in a second.
        files_per_s: files that are opened and read in a second, however small.
        bytes_per_s: of all files together.
    """

    name: str
    list_per_s: float
    files_per_s: float
    bytes_per_s: float


@dataclass(frozen=True)
class Throughput:
    """Throughput of an archive's run.

    Attributes:
        images_per_s: after the start.
        busy: share of the time that each station was busy: listing, storage, cores.
    """

    images_per_s: float
    busy: dict[str, float]

    @property
    def limit(self) -> str:
        """The station that was busiest: where it breaks first."""
        return max(self.busy, key=self.busy.__getitem__)


WINDOW = 64
"""Images for each core that are between listing and the end at any time, so that memory is bounded."""


def archive(
    rng: np.random.Generator, services: Array, sizes: Array, cores: int, storage: Storage, images: int
) -> Throughput:
    """Simulate an archive: each image is listed, then read, then classified on the first core that is free.

    Listing and storage take one image after another; each of the cores takes one at a time. An image is listed only
    when the one `WINDOW * cores` before it is done.

    Args:
        rng: random numbers.
        services: seconds on a core, to draw from.
        sizes: bytes of an image, to draw from.
        cores: 1 or more.
        storage: that all images come from.
        images: number of images; the first quarter is left out of the throughput.
    """
    window = WINDOW * cores
    drawn = rng.choice(services, images).tolist()
    reading = np.maximum(1 / storage.files_per_s, rng.choice(sizes, images) / storage.bytes_per_s).tolist()
    listing = 1 / storage.list_per_s
    free = [0.0] * cores
    done = [0.0] * images
    listed = read = 0.0
    skip = images // 4
    for index in range(images):
        listed = max(listed, done[index - window] if index >= window else 0.0) + listing
        read = max(read, listed) + reading[index]
        done[index] = max(read, free[0]) + drawn[index]
        heapq.heapreplace(free, done[index])
    ordered = sorted(done)
    seconds = ordered[-1] - ordered[skip]
    rate = (images - 1 - skip) / seconds
    counted = slice(skip, images)
    busy = {
        "listing": rate * listing,
        "storage": rate * float(np.mean(reading[counted])),
        "cores": rate * float(np.mean(drawn[counted])) / cores,
    }
    return Throughput(rate, busy)


def mm1_wait(load: float, service: float) -> float:
    """Return the mean wait in M/M/1: random arrivals, exponential service."""
    return load / (1 - load) * service


def md1_wait(load: float, service: float) -> float:
    """Return the mean wait in M/D/1: random arrivals, constant service (Pollaczek-Khinchine)."""
    return load / (2 * (1 - load)) * service


def mmc_wait(load: float, service: float, cores: int) -> float:
    """Return the mean wait in M/M/c: random arrivals, exponential service, c cores (Erlang C)."""
    offered = load * cores
    terms = [offered**k / math.factorial(k) for k in range(cores)]
    last = offered**cores / math.factorial(cores) / (1 - load)
    return last / (sum(terms) + last) * service / (cores * (1 - load))


def percentile(values: Sequence[float] | Array, share: float) -> float:
    """Return a percentile, by its share of 0..1."""
    return float(np.quantile(np.asarray(values), share))
