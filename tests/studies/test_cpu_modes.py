"""The fastest precision, batch size and number of streams by instruction set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import cpu_modes
from bench.console import CHECKOUT
from bench.cpu_modes import Chosen, Mode, ModeSpeed
from edgewbc.bench.machine import describe
from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import host
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.selftest import GoldenSamples, selftest
from edgewbc.runtime.synthetic_network import cpu_isa

RELEASED = CHECKOUT / "export" / "bundles" / "wbc5-edge"


def speed(kind: str, streams: int, *images_per_s: float, batch: int = 8) -> ModeSpeed:
    """Return the speed of a mode of the bundle `wbc` under the instruction set `Intel AVX2`."""
    precision, compute = ("int8", "f32") if kind == "int8" else ("f32", kind)
    latency = ((0.5,), (0.75,)) if batch == streams == 1 else ((), ())
    return ModeSpeed(Mode("Intel AVX2", "wbc", precision, compute, batch, streams), images_per_s, *latency)


def test_copy_has_the_float_network_and_passes_its_own_golden_samples(tmp_path: Path) -> None:
    """It differs from the int8 network by no more than rounding, and `selftest` runs both."""
    bundle = cpu_modes.with_float_network(Bundle.open(RELEASED), tmp_path / "copy")
    bundle.verify()
    assert bundle.precisions == ("int8", "f32")
    images = GoldenSamples.from_bundle(bundle).images
    plain, rounded = (
        OpenVINOPredictor.from_bundle(bundle, precision)(images).probabilities for precision in ("f32", "int8")
    )
    assert 0 < np.abs(plain - rounded).max() < 0.1
    assert selftest(bundle).ok


def test_bfloat16_is_measured_only_where_the_cpu_has_it() -> None:
    """Three batch sizes, one stream or one a core."""
    assert {mode.kind for mode in cpu_modes.modes("Intel AVX2", "wbc", 2)} == {"int8", "f32"}
    found = cpu_modes.modes("Intel AMX with bfloat16 and 8-bit integer support", "wbc", 2)
    assert [(mode.batch, mode.streams) for mode in found if mode.kind == "bf16"] == [
        *((1, 1), (1, 2), (8, 1), (8, 2), (32, 1), (32, 2)),
    ]
    assert len(cpu_modes.modes("Intel AVX2", "wbc", 1)) == 6


def test_rounds_are_brought_together_by_mode() -> None:
    """The values of a mode keep the order of the rounds."""
    first, second = [speed("int8", 1, 10.0), speed("f32", 1, 5.0)], [speed("f32", 1, 6.0), speed("int8", 1, 12.0)]
    assert cpu_modes.merge([first, second]) == [speed("int8", 1, 10.0, 12.0), speed("f32", 1, 5.0, 6.0)]
    single = speed("int8", 1, 10.0, batch=1)
    (merged,) = cpu_modes.merge([[single], [single]])
    assert (merged.p50_ms, merged.p99_ms) == ((0.5, 0.5), (0.75, 0.75))
    assert ModeSpeed.from_json(json.loads(json.dumps(merged.to_json()))) == merged


def test_choice_is_compared_with_the_fastest_mode_at_its_batch_size() -> None:
    """Medians of the rounds; other batch sizes do not count."""
    speeds = [
        speed("int8", 1, 90.0, 100.0, 500.0),
        speed("int8", 2, 120.0, 125.0, 130.0),
        speed("f32", 2, 1.0, 1.0, 1.0),
        speed("int8", 2, 999.0, batch=32),
    ]
    assert cpu_modes.judge([("Intel AVX2", "wbc", "int8", 1)], speeds) == [Chosen("Intel AVX2", "wbc", "int8", 1, 0.8)]


def test_table_marks_what_is_chosen() -> None:
    """A row a precision; latency is that of single images."""
    speeds = [
        speed(kind, streams, factor * batch * streams, batch=batch)
        for kind, factor in (("int8", 1000.0), ("f32", 100.0))
        for batch in cpu_modes.BATCHES
        for streams in (1, 2)
    ]
    chosen = [Chosen("Intel AVX2", "wbc", "int8", 2, 0.987), Chosen("Intel AVX2", "wbc", "f32", 1, 0.5)]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in cpu_modes.table(speeds, chosen).splitlines()]
    assert rows[2] == [
        *("AVX2", "wbc", "int8", "1,000", "8,000", "32,000", "16,000", "64,000", "0.50", "0.75", "2 streams, 99 %"),
    ]
    assert rows[3][2:] == ["f32", "100", "800", "3,200", "1,600", "6,400", "0.50", "0.75", "1 stream, 50 %"]
    values = {
        "machine": describe().to_json(),
        "rows": [each.to_json() for each in speeds],
        "chosen": [each.to_json() for each in chosen],
    }
    assert "medians of 1 interleaved rounds" in cpu_modes.section(values)


def test_a_round_measures_every_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a speed, and single images have a latency."""
    bundle = cpu_modes.with_float_network(Bundle.open(RELEASED), tmp_path / "copy")
    monkeypatch.setattr(cpu_modes, "BATCHES", (1,))
    monkeypatch.setattr(host, "cores", lambda: 1)
    found = cpu_modes.measure_round([bundle], 0.01)
    assert [each.mode for each in found] == cpu_modes.modes(cpu_isa(), "wbc5-edge", 1)
    for each in found:
        assert each.images_per_s[0] > 0
        assert 0 < each.p50_ms[0] <= each.p99_ms[0]


def test_a_bundle_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    assert cpu_modes.main([]) == 2
    assert capsys.readouterr().err == "name a bundle, such as export/bundles/wbc5-edge\n"
