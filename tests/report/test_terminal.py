"""edgewbc.report.terminal: a benchmark for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.bench.machine import Machine
from edgewbc.bench.prepare import Options
from edgewbc.bench.result import BenchResult, LoadDuring
from edgewbc.bench.runner import bench
from edgewbc.report.terminal import WIDEST, render, sentence
from tests import labelled, tiny
from tests.bench.conftest import LAB, Fake


@pytest.fixture
def result(tmp_path: Path, fake: Fake) -> BenchResult:
    """A benchmark of a tiny bundle."""
    tiny.make_bundle(tmp_path / "b", name="a-bundle-with-a-name-that-is-much-too-long-for-any-table-of-this-width")
    manifest = labelled.make_manifest(tmp_path / "m", protocol="published")
    result = bench([tmp_path / "b"], manifest, Options(seconds=0), execute=fake, able=LAB)
    return replace(result, machine=Machine("A CPU", "AVX2", 2))


def test_table_names_protocol_and_ratio(result: BenchResult) -> None:
    """The title has the protocol, the rows their ratio, a failed row its reason; no line is too wide."""
    text = render(result)
    title, machine, peaks, how, *_ = text.splitlines()
    assert "protocol published, split test: 10 pictures" in title
    assert machine == "A CPU, 2 cores, AVX2"
    assert peaks.startswith("peak of a plain convolution here")
    assert how.startswith("3 rounds of 0 s a mode: every row once a round")
    assert "3.00x  3.00-3.00" in text
    assert "bf16: refused" in text
    assert "own f32" in text
    assert "itself" in text
    assert "unsteady" not in text
    assert "240" in text  # benchmark_app
    assert max(map(len, text.splitlines())) <= WIDEST


def test_sentence_on_the_reference(result: BenchResult) -> None:
    """It is met or not under a protocol that is named; synthetic pictures and none at all say nothing."""
    assert "is met by no row under protocol published" in sentence(result)
    assert "lowest: 20.00 %, 2 of 10" in sentence(result)
    assert all(row.scores is not None for row in result.measured)
    rows = [
        replace(row, scores=replace(row.scores, reference=replace(row.scores.reference, met=True)))
        for row in result.measured
        if row.scores is not None
    ]
    assert "is met by every row under protocol published" in sentence(result.with_rows(*rows))
    drawn = replace(result, data=replace(result.data, source="synthetic"))
    assert "say nothing about real cells" in sentence(drawn)
    none = replace(result, data=replace(result.data, protocol=None))
    assert "there is no manifest" in sentence(none)


def test_table_owns_up(result: BenchResult) -> None:
    """An unsteady row, another precision than asked for, a faster benchmark_app and a busy machine are all said."""
    first, row = result.measured
    assert row.benchmark_app is not None
    row = replace(
        row,
        timing=replace(row.timing, unsteady=("images_per_s",), precision_ran="f32"),
        benchmark_app=replace(row.benchmark_app, near=False, alike=False),
    )
    protocol = replace(result.protocol, load_before=0.5, load_during=LoadDuring(0.2, 0.9))
    text = " ".join(render(replace(result, protocol=protocol).with_rows(first, row)).split())
    assert "300!" in text
    assert "! unsteady: its rounds lie further apart than 10 % of their median (1 of 2 rows)" in text
    assert "openvino int8 was asked for in int8, and ran in f32." in text
    assert "openvino int8: benchmark_app is faster by more than 3 %" in text
    assert "openvino int8: benchmark_app ran with other threads or streams than ours" in text
    assert "disturbed: other programs used 50 % of the machine before, and 20 % (at most 90 %) during" in text
