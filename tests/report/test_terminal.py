"""edgewbc.report.terminal: a benchmark as text, within 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.bench.machine import Machine
from edgewbc.bench.prepare import BenchOptions
from edgewbc.bench.result import BenchResult, LoadDuring
from edgewbc.bench.runner import bench
from edgewbc.data.manifest import Protocol
from edgewbc.report.terminal import has_reference, render, sentence
from tests import labeled, tiny
from tests.bench.conftest import LAB, Fake


@pytest.fixture
def result(tmp_path: Path, fake: Fake) -> BenchResult:
    """A benchmark of a tiny bundle with a long name."""
    tiny.make_bundle(tmp_path / "b", name="a-bundle-with-a-name-that-is-much-too-long-for-any-table-of-this-width")
    manifest = labeled.make_manifest(tmp_path / "m", protocol=Protocol.PUBLISHED)
    result = bench([tmp_path / "b"], manifest, BenchOptions(seconds=0), execute=fake, able=LAB)
    return replace(result, machine=Machine("A CPU", "AVX2", 2))


def test_tables_have_protocol_ratio_and_reasons(result: BenchResult) -> None:
    """The title has the protocol, the rows their ratio, a failed row its reason; no line has more than 80 columns."""
    text = render(result)
    assert "folder, protocol published, split test: 10 images, manifest" in text
    assert "A CPU, 2 cores, AVX2\n" in text
    assert "peak of a plain convolution here, GMAC/s: " in text
    assert "3 rounds of 0 s per mode: every row once per round" in text
    assert "3.00x" in text
    assert "bf16: refused" in text
    assert "1.25" in text  # our throughput over benchmark_app's
    assert "unsteady" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_reference_only_under_a_protocol_of_the_literature(result: BenchResult) -> None:
    """It is reached or not, under a protocol that is named; elsewhere it does not appear."""
    assert "is reached by no row under protocol published" in sentence(result)
    assert "lowest: 20.00 %, 2 of 10, 95 % interval 5.67-50.98 %." in sentence(result)
    rows = [
        replace(row, scores=replace(row.scores, reference=replace(row.scores.reference, met=True)))
        for row in result.measured
        if row.scores is not None
    ]
    assert len(rows) == 2
    assert "is reached by every row under protocol published" in sentence(result.with_rows(*rows))
    assert "is reached by 1 of 2 rows" in sentence(result.with_rows(rows[0], result.measured[1]))
    assert has_reference(result)
    for data in (
        replace(result.data, source="synthetic"),
        replace(result.data, protocol="grouped"),
        replace(result.data, protocol=None),
    ):
        assert not has_reference(replace(result, data=data))
        assert "reference of" not in render(replace(result, data=data))


def test_problems_are_listed(result: BenchResult) -> None:
    """An unsteady row, another precision than requested, a faster benchmark_app and a busy machine."""
    first, row = result.measured
    assert row.benchmark_app is not None
    row = replace(
        row,
        timing=replace(row.timing, unsteady=("images_per_s",), precision_ran="f32"),
        benchmark_app=replace(row.benchmark_app, near=False, alike=False),
        int8_share=0.25,
    )
    protocol = replace(result.protocol, load_before=0.5, load_during=LoadDuring(0.2, 0.9))
    text = " ".join(render(replace(result, protocol=protocol).with_rows(first, row)).split())
    assert "300!" in text
    assert (
        f"{row.model} {row.backend} {row.precision}: 25 % of the multiply-adds run in int8, the others in float."
        in text
    )
    assert "! unsteady: the rounds differ by more than 10 % of their median (1 of 2 rows)" in text
    assert "openvino int8: int8 was requested, but it ran in f32." in text
    assert "openvino int8: benchmark_app is faster by more than 3 %" in text
    assert "openvino int8: benchmark_app ran with a different number of threads or streams" in text
    assert "disturbed: other programs used 50 % of the machine before, and 20 % (at most 90 %) during" in text
