"""Tests of bench.serve: its requests and generator against a server, and its result."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.serve import load, requests
from bench.serve.__main__ import main
from bench.serve.load import Job, Kind, Load
from bench.serve.result import Rate, Result, Soak, table
from bench.serve.study import value
from edgewbc.bench.machine import Machine
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.images.encode import encode
from edgewbc.serve import models, server
from edgewbc.serve.limits import Limits
from edgewbc.synth.cells import draw_cell

MACHINE = Machine("a CPU", "AVX2", 2)
RATE = Rate(8, (90.0, 80.0, 85.0), (100.0, 100.0, 100.0), {"p50": 10.0, "p99": 20.0}, 0.04, 0.9, 1.2, 1.1, 0, 0.25)
SOAK = Soak(
    Load(60.0, 800, {"good 200": 100, "no JSON 400": 10}, latency_ms={"p50": 11.0, "p99": 30.0}),
    tuple((float(second), 200.0 + (second > 50)) for second in range(60)),
    0,
)
RESULT = Result(
    MACHINE, "wbc5-edge", "int8", 64, 32, (RATE,), SOAK, Load(requests={"good 200": 7, "good 429": 3}), (8, 8), 0, "h11"
)


@pytest.mark.slow
def test_every_kind_of_request_gets_what_it_should(bundle: Bundle, tmp_path: Path) -> None:
    """Good requests with the labels of `classify`; bad ones with their errors; a client that goes away."""
    cells = [draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 96) for seed in range(6)]
    data = [encode(cell, ".jpg") for cell in cells]
    paths = [tmp_path / f"{number}.jpg" for number in range(6)]
    for path, each in zip(paths, data, strict=True):
        path.write_bytes(each)
    served = models.load({"m": bundle}, {}, threads=1)
    model = served[0].model
    labels = [row.label for result in model.results(paths) for row in model.rows(result)]
    good, bad = requests.good(tmp_path, "m", data, labels, 2), requests.bad(tmp_path, "m", data)
    assert [kind.images for kind in good] == [2, 2, 2]
    with server.serving(served, Limits(pixels=10**6)) as address:
        job = Job("127.0.0.1", int(address.rpartition(":")[2]), 4, 0.6, good, bad, bad_share=0.6, seed=1)
        found = load.run(job, tmp_path)
        assert (found.wrong, found.shown) == (0, [])
        assert found.images == 2 * found.requests["good 200"] > 0
        assert set(found.latency_ms) == {"p50", "p95", "p99", "max"}
        for kind in bad:  # each of them, whatever the time allowed above
            once = load.generate(replace(job, good=(kind,), bad=(), clients=1, seconds=0.0))
            assert (once.wrong, once.shown) == (0, []), kind.name
        wrong = load.generate(replace(job, good=(replace(good[0], contains="x"),), bad=(), clients=1, seconds=0.0))
        assert wrong.wrong == 1
        assert wrong.shown[0].startswith("good: 200")


def test_a_server_that_is_gone_is_noticed(tmp_path: Path) -> None:
    """A lost request is a wrong one."""
    (tmp_path / "r").write_bytes(b"POST")
    found = load.generate(Job("127.0.0.1", 9, 1, 0.0, (Kind("good", str(tmp_path / "r"), 1),)))
    assert (found.wrong, found.requests) == (1, {"good -1": 1})


def test_responses_come_in_any_pieces(tmp_path: Path) -> None:
    """Byte by byte, with the end of the connection, or not at all: each request is counted once."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"
    last = whole.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    replies = [whole, last, whole[:-1], b"no HTTP at all\r\n\r\n", whole.replace(b"right", b"wrong")]
    left = iter(replies)
    (tmp_path / "r").write_bytes(b"POST")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4):
            reply = next(left)
            for index in range(len(reply)):
                writer.write(reply[index : index + 1])
                await asyncio.sleep(0)
            if reply in (last, whole[:-1]):
                break
        writer.close()

    async def run() -> Load:
        kind = Kind("good", str(tmp_path / "r"), 1, contains="right")
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
            host, port = listener.sockets[0].getsockname()
            jobs = [Job(host, port, 1, 0.0, (kind,)) for _ in replies]
            loads = [await load._generate(job) for job in jobs]
        found = Load(images=sum(each.images for each in loads), wrong=sum(each.wrong for each in loads))
        for each in loads:
            for name, count in each.requests.items():
                found.requests[name] = found.requests.get(name, 0) + count
        return found

    found = asyncio.run(run())
    assert (found.images, found.wrong) == (2, 3)
    assert found.requests == {"good 200": 3, "good -1": 2}


def test_percentiles() -> None:
    assert load.percentiles([float(number) for number in range(100)]) == {"p50": 50, "p95": 95, "p99": 99, "max": 99}
    assert load.percentiles([]) == {}


def test_metrics_are_summed_over_labels() -> None:
    text = 'a_total{x="1"} 2.0\na_total{x="2"} 1e+03\na_total_created{x="1"} 7.0\nb 1.5\n'
    assert (value(text, "a_total"), value(text, "b"), value(text, "c")) == (1002.0, 1.5, 0.0)


def test_a_result_is_read_back_and_shown() -> None:
    """The table has the ratio to the engine, and the sentences what else was seen."""
    assert Result.from_json(RESULT.to_json()) == RESULT
    text = table(RESULT.to_json())
    assert "| 8 | 85.0 | 85% | 10.0 / 20.0 | 1.20 | 0.25 | 1.10 | 92% | 4% |" in text
    before = Result.from_json({**RESULT.to_json(), "rates": [{**asdict(RATE), "http_ms": None}]})
    assert "| 1.20 | - | 1.10 |" in table(before.to_json())
    assert "60 seconds, 110 requests, 10 of them bad on purpose" in text
    assert "7 answered, 3 refused with 429" in text
    assert "HTTP parsed by h11;" in text
    assert RESULT.unmet() == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"rates": (replace(RATE, images=1, engine_per_s=(200.0,) * 3), RATE)},
            "42% of the engine's throughput with 1 ",
        ),
        ({"rates": (replace(RATE, wrong=2),)}, "2 responses"),
        ({"soak": replace(SOAK, errors_500=1)}, "1 errors of the server"),
        ({"soak": replace(SOAK, rss_mb=tuple((float(s), 200.0 + 2 * s) for s in range(60)))}, "memory grew to 1.4"),
        ({"drained": (8, 7)}, "1 requests were lost"),
        ({"exit_code": 1}, "ended with 1"),
    ],
)
def test_what_is_not_reached_is_said(changed: dict[str, object], message: str) -> None:
    (line,) = replace(RESULT, **changed).unmet()  # type: ignore[arg-type]
    assert message in line


def test_a_folder_without_images_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
