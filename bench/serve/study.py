"""The load test: throughput against the engine in turns, a soak with bad requests, a flood, and SIGTERM under load."""

from __future__ import annotations

import re
import signal
import subprocess  # noqa: S404
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from bench.serve import load, requests
from bench.serve.load import Job, Kind, Load
from bench.serve.result import Rate, Result, Soak
from edgewbc.bench import machine
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import find
from edgewbc.lab.classify import LoadedBundle
from edgewbc.runtime import host

MODEL = "m"
NUMBER = r"([0-9.e+]+)"


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        bundle: to serve; one that takes images as they are.
        images: folder of images.
        most: images that are used.
        clients: connections.
        sizes: images per request.
        seconds: of a round of the server, and of the engine.
        rounds: of each size.
        soak: seconds of the long run.
        bad_share: share of bad requests in it.
        threads: cores for the server and for the engine; None for all.
    """

    bundle: Path
    images: Path
    most: int = 512
    clients: int = 32
    sizes: tuple[int, ...] = (1, 8, 32)
    seconds: float = 3.5
    rounds: int = 7
    soak: float = 600.0
    bad_share: float = 0.1
    threads: int | None = None


class Server:
    """`edgewbc serve` in a process of its own."""

    def __init__(self, bundle: Path, threads: int | None) -> None:
        """Start it, and wait until it says its address."""
        limit = [] if threads is None else ["--threads", str(threads)]
        command = ["-m", "edgewbc", "serve", "--model", f"{MODEL}={bundle}", "--port", "0", *limit]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, *command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        stream, said = self._process.stderr, []
        assert stream is not None  # noqa: S101 - it is a pipe
        for line in stream:
            said.append(line.strip())
            if found := re.search(r"serving \S+ at http://([\d.]+):(\d+)/", line):
                self.host, self.port = found[1], int(found[2])
            if "press Ctrl-C" in line:
                break
        else:
            raise UserError(f"edgewbc serve did not start: {said[-1] if said else 'no output'}")
        self._said = threading.Thread(target=stream.read, daemon=True)  # what it says must not fill the pipe
        self._said.start()

    def metrics(self) -> str:
        """Return its metrics."""
        with urllib.request.urlopen(f"http://{self.host}:{self.port}/metrics", timeout=60) as response:  # noqa: S310
            return str(response.read().decode())

    def cpu_s(self) -> float:
        """Return the CPU time that it has used."""
        return value(self.metrics(), "process_cpu_seconds_total")

    def http_s(self) -> float | None:
        """Return the CPU time of its main thread, which does HTTP and nothing else; None where Linux does not tell."""
        try:
            ran = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/schedstat").read_text(encoding="ascii")
        except OSError:
            return None
        return int(ran.split()[0]) / 1e9

    def stop(self) -> int:
        """Ask it to end with SIGTERM; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(120)

    def kill(self) -> None:
        """End it at once, if it is still there."""
        self._process.kill()
        self._process.wait()


@contextmanager
def serving(bundle: Path, threads: int | None) -> Iterator[Server]:
    """Run a server while the block runs."""
    server = Server(bundle, threads)
    try:
        yield server
    finally:
        server.kill()


def value(text: str, name: str) -> float:
    """Return a value of the metrics, summed over labels; 0 without one."""
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{[^}}]*}})? {NUMBER}$", text, re.MULTILINE))


def run(options: Options, say: Callable[[str], None]) -> Result:
    """Measure.

    Raises:
        UserError: there are too few images, or the bundle needs a microscope.
    """
    bundle = Bundle.open(options.bundle)
    if bundle.pixels.crop == "cell":
        raise UserError(f"{options.bundle}: locates cells: name a bundle that takes images as they are")
    files = [Path(name) for name in find([options.images])]
    files = files[:: max(1, len(files) // options.most)][: options.most]
    if len(files) < max(*options.sizes, 3):
        raise UserError(f"{options.images}: holds {len(files)} images: name a folder with more")
    engine = LoadedBundle.load(bundle, threads=options.threads)
    labels = [row.label for group in engine.classified(files) for image in group for row in image.rows]
    data = [file.read_bytes() for file in files]
    kept = [index for index, label in enumerate(labels) if label]
    data, labels = [data[index] for index in kept], [labels[index] for index in kept]
    with tempfile.TemporaryDirectory() as name, serving(options.bundle, options.threads) as server:
        folder = Path(name)
        job = Job(server.host, server.port, options.clients, options.seconds, ())
        rates = []
        for size in options.sizes:
            kinds = requests.good(folder, MODEL, data, labels, size)
            rates.append(_rate(server, engine, files, replace(job, good=kinds), size, options, folder))
            say(f"{size} images per request: {rates[-1].ratio:.0%} of the engine's throughput")
        kinds, spoiled = requests.good(folder, MODEL, data, labels, 8), requests.bad(folder, MODEL, data)
        long = replace(job, good=kinds, bad=spoiled, bad_share=options.bad_share, seconds=options.soak)
        soak = _soak(server, long, folder)
        say(f"soak: {sum(soak.load.requests.values())} requests, {soak.load.wrong} not as expected")
        busy = requests.good(folder, MODEL, data, labels, 32, also=429)
        flood = load.run(replace(job, good=busy, clients=96, seconds=min(5.0, options.seconds)), folder)
        last = replace(job, good=requests.good(folder, MODEL, data, labels, 32), clients=8)
        drained, code = _drain(server, last, say)
    precision = engine.engine.info.precision
    return Result(
        machine.describe(),
        bundle.name,
        precision,
        len(data),
        options.clients,
        tuple(rates),
        soak,
        flood,
        drained,
        code,
        "httptools" if find_spec("httptools") else "h11",
    )


def _rate(
    server: Server, engine: LoadedBundle, files: Sequence[Path], job: Job, size: int, options: Options, folder: Path
) -> Rate:
    """Measure server and engine in turns."""
    cores = options.threads or host.cores()
    load.run(replace(job, seconds=min(1.0, options.seconds)), folder)  # warm-up
    found: list[Load] = []
    alone: list[tuple[float, float]] = []
    used = seconds = 0.0
    http: list[float] = []
    for _ in range(options.rounds):
        alone.append(_engine(engine, files, options.seconds))
        before, http_before = server.cpu_s(), server.http_s()
        found.append(load.run(job, folder))
        if http_before is not None and (http_after := server.http_s()) is not None:
            http.append(http_after - http_before)
        used, seconds = used + server.cpu_s() - before, seconds + found[-1].seconds
    images = sum(each.images for each in found)
    return Rate(
        images=size,
        images_per_s=tuple(round(each.images / each.seconds, 1) for each in found),
        engine_per_s=tuple(round(rate, 1) for rate, _ in alone),
        latency_ms=found[-1].latency_ms,
        client_cpu_share=round(sum(each.cpu_s for each in found) / seconds / cores, 4),
        server_cpu_share=round(used / seconds / cores, 4),
        server_ms=round(1e3 * used / max(1, images), 4),
        engine_ms=round(sum(ms for _, ms in alone) / len(alone), 4),
        wrong=sum(each.wrong for each in found),
        http_ms=round(1e3 * sum(http) / max(1, images), 4) if len(http) == options.rounds else None,
    )


def _engine(engine: LoadedBundle, files: Sequence[Path], seconds: float) -> tuple[float, float]:
    """Classify files for some seconds; return images per second, and the CPU time of an image in milliseconds."""
    begun, cpu, done = time.perf_counter(), time.process_time(), 0

    def endless() -> Iterator[Path]:
        while time.perf_counter() - begun < seconds:
            yield from files

    for group in engine.classified(endless()):
        done += len(group)
    taken = time.perf_counter() - begun
    return done / taken, 1e3 * (time.process_time() - cpu) / done


def _soak(server: Server, job: Job, folder: Path) -> Soak:
    """Run a long job, and watch the memory of the server."""
    seen: list[tuple[float, float]] = []
    ended = threading.Event()
    begun = time.perf_counter()

    def watch() -> None:
        while not ended.wait(max(0.1, job.seconds / 120)):
            resident = value(server.metrics(), "process_resident_memory_bytes")
            seen.append((round(time.perf_counter() - begun, 1), round(resident / 1e6, 1)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = load.run(job, folder)
    finally:
        ended.set()
        watcher.join()
    text = server.metrics()
    errors = sum(
        float(number)
        for code, number in re.findall(rf'^edgewbc_requests_total{{code="(\d+)",[^}}]*}} {NUMBER}$', text, re.MULTILINE)
        if code == "500"
    )
    return Soak(found, tuple(seen), int(errors))


def _drain(server: Server, job: Job, say: Callable[[str], None]) -> tuple[tuple[int, int], int]:
    """Send SIGTERM while requests are under way; return how many there were and were answered, and the exit code."""
    answered: list[bool] = []
    kinds, before = job.good[: job.clients], _taken(server.metrics())

    def send(kind: Kind) -> None:
        found = load.generate(replace(job, good=(kind,), clients=1, seconds=0.0))
        answered.append(found.requests == {"good 200": 1} and not found.wrong)

    senders = [threading.Thread(target=send, args=(kind,)) for kind in kinds]
    for sender in senders:
        sender.start()
    wanted = sum(kind.images for kind in kinds)
    while any(sender.is_alive() for sender in senders) and _taken(server.metrics()) - before < wanted:
        time.sleep(0.001)
    code = server.stop()
    for sender in senders:
        sender.join()
    say(f"SIGTERM: {sum(answered)} of {len(answered)} requests answered, exit code {code}")
    return (len(answered), sum(answered)), code


def _taken(text: str) -> float:
    """Return the images that the server has classified or is classifying, from its metrics."""
    return value(text, "edgewbc_cells_total") + value(text, "edgewbc_images_in_flight")
