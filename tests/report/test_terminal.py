"""edgewbc.report.terminal: a benchmark for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgewbc.bench.prepare import Options
from edgewbc.bench.runner import bench
from edgewbc.report.terminal import WIDEST, render, sentence
from tests import labelled, tiny
from tests.bench.conftest import LAB, Fake

MACHINE = {"cpu": "A CPU", "cores": 2, "isa": "AVX2"}


@pytest.fixture
def result(tmp_path: Path, fake: Fake) -> dict[str, Any]:
    """A benchmark of a tiny bundle."""
    tiny.make_bundle(tmp_path / "b", name="a-bundle-with-a-name-that-is-much-too-long-for-any-table-of-this-width")
    manifest = labelled.make_manifest(tmp_path / "m", protocol="published")
    return {"machine": MACHINE, **bench([tmp_path / "b"], manifest, Options(seconds=0), execute=fake, able=LAB)}


def test_table_names_protocol_and_ratio(result: dict[str, Any]) -> None:
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


def test_sentence_on_the_reference(result: dict[str, Any]) -> None:
    """It is met or not under a protocol that is named; synthetic pictures and none at all say nothing."""
    assert "is met by no row under protocol published" in sentence(result)
    assert "lowest: 20.00 %, 2 of 10" in sentence(result)
    for row in result["rows"]:
        row["reference"] = {"met": True}
    assert "is met by 2 of 2" not in sentence(result)
    assert "is met by every row under protocol published" in sentence(result)
    drawn = result | {"data": result["data"] | {"source": "synthetic"}}
    assert "say nothing about real cells" in sentence(drawn)
    none = result | {"data": result["data"] | {"protocol": None}}
    assert "there is no manifest" in sentence(none)


def test_table_owns_up(result: dict[str, Any]) -> None:
    """An unsteady row, another precision than asked for, a faster benchmark_app and a busy machine are all said."""
    row = result["rows"][2]
    row["unsteady"], row["precision_ran"] = ["images_per_s"], "f32"
    row["benchmark_app"] |= {"near": False, "alike": False}
    result["protocol"] |= {"load_before": 0.5, "load_during": {"median": 0.2, "most": 0.9}}
    text = " ".join(render(result).split())
    assert "300!" in text
    assert "! unsteady: its rounds lie further apart than 10 % of their median (1 of 2 rows)" in text
    assert "openvino int8 was asked for in int8, and ran in f32." in text
    assert "openvino int8: benchmark_app is faster by more than 3 %" in text
    assert "openvino int8: benchmark_app ran with other threads or streams than ours" in text
    assert "disturbed: other programs used 50 % of the machine before, and 20 % (at most 90 %) during" in text
