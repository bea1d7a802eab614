"""A load generator: connections that send prepared requests, one after another, and check what comes back.

It shares the cores with the server that it measures, so it has to be cheap: requests are complete before the clock
starts, and of a response only its head and a part that is expected are looked at, about 0.1 ms of CPU time for each
request, a thirtieth of what the server takes. (httpx takes ten times that. The usual generators, such as k6 and oha,
are in no Python registry, locust generates on one core what asyncio does here, and autocannon expects the same response
to all.) It runs in a process of its own, whose CPU time is reported:

    python -m bench.serve.load JOB.json
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.utils import subprocesses
from edgewbc.utils.json_values import take

GOOD = "good"
MOST_SHOWN = 10
"""Responses that are not as expected of which the text is kept."""
REPLY = 60.0
"""Seconds after which a request without a response counts as lost."""


@dataclass(frozen=True)
class Kind:
    """A request, and what must come back.

    Attributes:
        name: of the kind; several requests may have the same.
        file: with the bytes of the request, head and body.
        images: in it.
        status: of the response; 0 where the connection is closed by the client in the middle of the request.
        contains: must occur in the response.
        also: another status that is allowed, such as 429; 0 for none.
    """

    name: str
    file: str
    images: int
    status: int = 200
    contains: str = ""
    also: int = 0


@dataclass(frozen=True)
class Job:
    """A run of the generator.

    Attributes:
        host, port: of the server.
        clients: connections, each with one request at a time.
        seconds: after which no more requests are sent; each client sends one at least.
        good: requests that are sent in turns.
        bad: requests of which one, at random, takes the place of a good one.
        bad_share: share of the requests that are bad ones.
        seed: of the choice.
    """

    host: str
    port: int
    clients: int
    seconds: float
    good: tuple[Kind, ...]
    bad: tuple[Kind, ...] = ()
    bad_share: float = 0.0
    seed: int = 0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Job:
        """Read what `asdict` gave."""
        kinds = {name: tuple(take(Kind, each) for each in values[name]) for name in ("good", "bad")}
        return take(cls, {**values, **kinds})


@dataclass
class Load:
    """What a run did.

    Attributes:
        seconds: from the first request to the last response.
        images: in responses to good requests.
        requests: by kind and status, such as `good 200`.
        wrong: requests whose response was not as expected, lost ones included.
        shown: some of them, as text.
        latency_ms: percentiles of good requests: p50, p95, p99, max.
        cpu_s: CPU time of the generator.
    """

    seconds: float = 0.0
    images: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    shown: list[str] = field(default_factory=list)
    latency_ms: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0


def generate(job: Job) -> Load:
    """Run a job in this process."""
    return asyncio.run(_generate(job))


async def _generate(job: Job) -> Load:
    load, times, counts = Load(), array("f"), Counter[str]()
    data = {kind.file: Path(kind.file).read_bytes() for kind in (*job.good, *job.bad)}
    cpu, begun = time.process_time(), time.perf_counter()
    end = begun + job.seconds

    async def client(number: int) -> None:
        rng, turn = random.Random(job.seed * 1000 + number), number  # noqa: S311 - a choice of requests
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while turn == number or time.perf_counter() < end:  # at least once
            bad = job.bad and rng.random() < job.bad_share
            kind = rng.choice(job.bad) if bad else job.good[turn % len(job.good)]
            turn += job.clients
            sent = time.perf_counter()
            try:
                if streams is None:
                    streams = await asyncio.open_connection(job.host, job.port, limit=1 << 20)
                async with asyncio.timeout(REPLY):
                    status, body, closes = await _exchange(*streams, data[kind.file], kind)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                status, body, closes = -1, repr(error).encode(), True
            if closes and streams is not None:
                streams[1].close()
                streams = None
            counts[f"{kind.name} {status}"] += 1
            expected = status == kind.also if kind.also and status != kind.status else status == kind.status
            if not expected or (status == kind.status and kind.contains.encode() not in body):
                load.wrong += 1
                if len(load.shown) < MOST_SHOWN:
                    load.shown.append(f"{kind.name}: {status} {body[:300].decode(errors='replace')}")
            elif kind.name == GOOD and status == kind.status:
                times.append(1e3 * (time.perf_counter() - sent))
                load.images += kind.images

    await asyncio.gather(*(client(number) for number in range(job.clients)))
    load.seconds, load.cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    load.requests, load.latency_ms = dict(sorted(counts.items())), percentiles(times)
    return load


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, kind: Kind
) -> tuple[int, bytes, bool]:
    """Send a request; return status and body of the response, and whether the connection ends."""
    writer.write(data)
    await writer.drain()
    if not kind.status:
        return 0, b"", True
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    return status, await reader.readexactly(length), b"connection: close" in head


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the maximum of times; empty without any."""
    ordered = sorted(times)
    if not ordered:
        return {}
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) for name, share in ranks.items()}


def run(job: Job, folder: Path) -> Load:
    """Run a job in a process of its own; `folder` holds the description of the job.

    Raises:
        UserError: the process failed.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")
    command = "import sys; sys.path.insert(0, sys.argv[1]); from bench.serve.load import main; main(sys.argv[2])"
    ran = subprocesses.run(["-c", command, str(Path(__file__).resolve().parents[2]), str(path)])
    return take(Load, subprocesses.require_result(ran, "the load generator"))


def main(path: str) -> None:
    """Run the job in a file, and send the result to the parent process."""
    subprocesses.write_result(asdict(generate(Job.from_json(json.loads(Path(path).read_text(encoding="utf-8"))))))


if __name__ == "__main__":
    main(sys.argv[1])
