"""A load generator: connections that send prepared requests, one after another, and check what comes back.

It shares the cores with the server that it measures, so it has to be cheap: requests are complete before the clock
starts, and of a response only its head and a part that is expected are looked at, 0.05 to 0.1 ms of CPU time for each
request, most of it in the kernel, which hands 17 kB to the server. (httpx takes over ten times that, and streams of
asyncio a third more. The usual generators, such as wrk, k6 and oha, are no Python packages, locust generates on one
core what asyncio does here, and autocannon expects the same response to all.) It runs in a process of its own, whose
CPU time is reported beside the server's:

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.utils import subprocesses
from edgewbc.utils.json_values import take

GOOD = "good"
MOST_SHOWN = 10
"""Responses that are not as expected of which the text is kept."""
LOST = -1
"""Stands for the status of a request without a response."""
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
    data = {kind.file: Path(kind.file).read_bytes() for kind in (*job.good, *job.bad)}
    cpu, begun = time.process_time(), time.perf_counter()
    tally = _Tally()
    await asyncio.gather(*(_client(job, number, begun + job.seconds, data, tally) for number in range(job.clients)))
    load = tally.load
    load.seconds, load.cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    load.requests, load.latency_ms = dict(sorted(tally.counts.items())), percentiles(tally.times)
    return load


async def _client(job: Job, number: int, end: float, data: Mapping[str, bytes], tally: _Tally) -> None:
    """Send the requests of one client, on as many connections as it takes."""
    kinds = _turns(job, number, end)
    for kind in kinds:
        await _use(_Connection(kind, kinds, data, tally), job, kind, tally)


async def _use(connection: _Connection, job: Job, first: Kind, tally: _Tally) -> None:
    """Send requests on one connection, until it is closed."""
    try:
        await asyncio.get_running_loop().create_connection(lambda: connection, job.host, job.port)
    except OSError as error:
        tally.add(first, LOST, repr(error).encode())
        return
    while not connection.ended.done():
        await asyncio.wait([connection.ended], timeout=1.0)
        connection.check()


def _turns(job: Job, number: int, end: float) -> Iterator[Kind]:
    """Yield the requests of one client until the time is over; one at least."""
    rng, turn = random.Random(job.seed * 1000 + number), number  # noqa: S311 - a choice of requests
    while turn == number or time.perf_counter() < end:
        bad = job.bad and rng.random() < job.bad_share
        yield rng.choice(job.bad) if bad else job.good[turn % len(job.good)]
        turn += job.clients


class _Tally:
    """Counts responses, and checks them."""

    def __init__(self) -> None:
        self.load, self.times, self.counts = Load(), array("f"), Counter[str]()

    def add(self, kind: Kind, status: int, body: bytes, seconds: float = 0.0) -> None:
        """Take a response, or `LOST` and why there is none."""
        self.counts[f"{kind.name} {status}"] += 1
        expected = status == kind.also if kind.also and status != kind.status else status == kind.status
        if not expected or (status == kind.status and kind.contains.encode() not in body):
            self.load.wrong += 1
            if len(self.load.shown) < MOST_SHOWN:
                self.load.shown.append(f"{kind.name}: {status} {body[:300].decode(errors='replace')}")
        elif kind.name == GOOD and status == kind.status:
            self.times.append(1e3 * seconds)
            self.load.images += kind.images


class _Connection(asyncio.Protocol):
    """Sends a request, and the next one as soon as its response is complete.

    Attributes:
        ended: done when the connection is closed.
    """

    def __init__(self, kind: Kind, following: Iterator[Kind], data: Mapping[str, bytes], tally: _Tally) -> None:
        """Begin with a request, which is followed by others."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._kind: Kind | None = kind
        self._got, self._body, self._end, self._sent = bytearray(), 0, 0, 0.0
        self._following, self._data, self._tally = following, data, tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP connection
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take a part of a response; after its end, send the next request."""
        self._got += data
        try:
            if not self._body:
                head, found, _ = self._got.partition(b"\r\n\r\n")
                if not found:
                    return
                head = head.lower()
                self._status, self._closes = int(head[9:12]), b"connection: close" in head
                self._body = len(head) + 4
                self._end = self._body + int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        except ValueError as error:
            self._finish(LOST, repr(error).encode(), closes=True)
            return
        if len(self._got) >= self._end:
            self._finish(self._status, bytes(self._got[self._body : self._end]), self._closes)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the request that is under way as lost."""
        if self._kind is not None:
            self._tally.add(self._kind, LOST, repr(exc).encode())
        self.ended.set_result(None)

    def check(self) -> None:
        """End the connection if there is no response for too long."""
        if self._kind is not None and time.perf_counter() - self._sent > REPLY:
            self._transport.abort()

    def _send(self) -> None:
        assert self._kind is not None  # noqa: S101 - see the callers
        self._got, self._body, self._end, self._sent = bytearray(), 0, 0, time.perf_counter()
        self._transport.write(self._data[self._kind.file])
        if not self._kind.status:
            self._finish(0, b"", closes=True)

    def _finish(self, status: int, body: bytes, closes: bool) -> None:
        kind = self._kind
        if kind is None:  # bytes after the end of the last response
            return
        self._tally.add(kind, status, body, time.perf_counter() - self._sent)
        self._kind = None if closes else next(self._following, None)
        if self._kind is None:
            self._transport.close()
        else:
            self._send()


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
