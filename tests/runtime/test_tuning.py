"""Tests of edgewbc.runtime.tuning."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.runtime import host, tuning, tuning_cache
from edgewbc.runtime.predictor import Compute
from edgewbc.runtime.tuning import Choice, Measured, best_of, candidates, chosen, default, measure, remember


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a temporary cache folder, on a PC of two processors that compute in bfloat16."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(host, "cores", lambda: 2)
    monkeypatch.setattr(tuning, "capabilities", lambda: ["FP32", "BF16", "INT8"])
    return tmp_path / "cache"


INT8, F32, BF16 = Choice("int8", "f32", 2, 2), Choice("f32", "f32", 2, 2), Choice("f32", "bf16", 2, 2)


def test_the_default_is_the_bundles(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle's default precision in f32 compute, one stream per processor up to a maximum, within the limit."""
    assert default(bundle) == INT8
    assert default(bundle, 1) == Choice("int8", "f32", 1, 1)
    assert default(bundle, 64, "f32") == F32
    monkeypatch.setattr(host, "cores", lambda: 16)
    assert default(bundle) == Choice("int8", "f32", 16, tuning.MAX_STREAMS)
    with pytest.raises(UserError, match="0 threads"):
        default(bundle, 0)


def test_candidates(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each precision of the bundle, bf16 where the CPU has it, by streams and threads under the limit."""
    every = candidates(bundle)
    assert every[0] == default(bundle)
    assert len(set(every)) == len(every)
    assert {(c.precision, c.compute) for c in every} == {("int8", "f32"), ("f32", "f32"), ("f32", "bf16")}
    assert {(c.threads, c.streams) for c in every} == {(2, 1), (2, 2), (1, 1)}
    assert {c.threads for c in candidates(bundle, 1)} == {1}
    monkeypatch.setattr(tuning, "capabilities", lambda: ["FP32"])
    assert BF16 not in candidates(bundle)


def test_measuring_tries_precisions_then_streams(bundle: Bundle) -> None:
    """All precisions under the default's streams, then the best one's streams and threads; sorted by speed."""
    steps: list[Choice] = []
    tried = measure(bundle, 0.0, step=steps.append)
    assert steps[:3] == [INT8, F32, BF16]
    (kind,) = {(c.precision, c.compute) for c in steps[3:]}
    assert {(c.threads, c.streams) for c in steps[3:]} == {(2, 1), (1, 1)}
    assert [m.images_per_s for m in tried] == sorted((m.images_per_s for m in tried), reverse=True)
    best = best_of(bundle, tried)
    assert best is not None
    assert (best.choice.precision, best.choice.compute) == kind
    assert all(m.golden is True for m in tried if m.choice.compute == "f32")


def test_fastest_sound_choice_wins(bundle: Bundle) -> None:
    """Choices with wrong predictions lose, bf16 must pass the golden samples, and the default needs a clear winner."""
    int8, f32 = Measured(INT8, 100, True), Measured(F32, 105, True)
    assert best_of(bundle, [int8, f32]) is int8
    assert best_of(bundle, [int8, faster := replace(f32, images_per_s=120)]) is faster
    assert best_of(bundle, [replace(int8, golden=False), f32]) is f32
    assert best_of(bundle, [replace(int8, golden=None), f32]) is not f32
    for golden in (False, None):
        assert best_of(bundle, [int8, Measured(BF16, 900, golden)]) is int8
    assert best_of(bundle, [int8, proven := Measured(BF16, 900, True)]) is proven
    assert best_of(bundle, [replace(int8, golden=False)]) is None


def test_remembered_choice_is_used(bundle: Bundle, cache: Path) -> None:
    """The best choice is found again; a limit takes its own measurement, or the precision of the unlimited one."""
    assert chosen(bundle) == INT8
    path = remember(bundle, [Measured(INT8, 1, True), Measured(replace(F32, streams=1), 2, True)])
    assert path.parent == cache / "tuning"
    assert chosen(bundle) == chosen(bundle, 2) == chosen(bundle, 99) == replace(F32, streams=1)
    assert chosen(bundle, 1) == Choice("f32", "f32", 1, 1)
    remember(bundle, [Measured(Choice("int8", "f32", 1, 1), 1, True)], threads=1)
    assert chosen(bundle, 1) == Choice("int8", "f32", 1, 1)
    assert len(list(path.parent.iterdir())) == 2
    with pytest.raises(ValueError, match="no model of the bundle gives the expected"):
        remember(bundle, [Measured(INT8, 1, False)])


def test_requested_precision_takes_precedence(bundle: Bundle) -> None:
    """A requested precision is used, in f32 compute, with the streams that were measured."""
    remember(bundle, [Measured(replace(BF16, streams=1), 2, True)])
    assert chosen(bundle) == replace(BF16, streams=1)
    assert chosen(bundle, precision="int8") == replace(INT8, streams=1)
    assert chosen(bundle, precision="f32") == replace(F32, streams=1)
    with pytest.raises(UserError, match="holds no int4 model"):
        chosen(bundle, precision="int4")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"bundle": "00"},
        {"cpu": "another"},
        {"cores": 3},
        {"openvino": "1.0"},
        {"limit": 1},
        {"choice": {"precision": "int4", "compute": "f32", "threads": 2, "streams": 1}},
        {"choice": {"precision": "f32", "compute": "u1", "threads": 2, "streams": 1}},
        {"choice": {"precision": "f32", "compute": "f32", "threads": 10**6, "streams": 1}},
        {"choice": {"precision": "f32", "compute": "f32", "threads": 2, "streams": 1, "more": 1}},
        {"choice": None},
        None,
    ],
    ids=str,
)
def test_invalid_cache_files_are_ignored_and_rewritten(bundle: Bundle, change: dict[str, Any] | None) -> None:
    """A record of another PC, version or bundle, with an unknown choice, or malformed, is ignored."""
    tried = [Measured(replace(F32, streams=1), 2, True)]
    path = remember(bundle, tried)
    whole = json.loads(path.read_text())
    assert whole["choice"] == asdict(chosen(bundle))
    for text in [json.dumps(whole | change)] if change else ["", "{", "[]", "[" * 50_000, "\0\xff", '{"format": 1}']:
        path.write_text(text, encoding="utf-8")
        assert chosen(bundle) == INT8
    assert remember(bundle, tried) == path
    assert chosen(bundle) == replace(F32, streams=1)


def test_measurements_are_per_bundle(bundle: Bundle, tmp_path: Path) -> None:
    """A bundle with other files has other measurements; a copy of the same elsewhere has the same."""
    remember(bundle, [Measured(F32, 2, True)])
    copy = Path(shutil.copytree(bundle.path, tmp_path / "copy"))
    assert chosen(Bundle.open(copy)) == F32
    assert chosen(Bundle(bundle.path, bundle.manifest, {**bundle.sums, "more": "0" * 64})) == INT8


def test_unavailable_cache_folder(bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a usable cache folder the default is chosen, and `remember` raises OSError."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "file" / "under"))
    assert chosen(bundle) == INT8
    with pytest.raises(OSError, match="."):
        remember(bundle, [Measured(F32, 1, True)])
    monkeypatch.delenv(tuning_cache.CACHE)

    def lost(_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(lost))
    assert chosen(bundle) == INT8


def test_choice_creates_its_predictor(bundle: Bundle) -> None:
    """The predictor has the precision, threads and streams of the choice."""
    engine = Choice("f32", "f32", 2, 2).predictor(bundle.read_model("openvino", "f32"))
    assert (engine.info.threads, engine.info.streams, engine.info.compute) == (2, 2, "f32")
    assert engine.kernels() == {"f32": 2}


def test_bf16_requires_golden_samples(tmp_path: Path, bundle: Bundle) -> None:
    """Without golden samples, a bundle's own precisions may be chosen, but not bf16."""
    bare = Bundle(bundle.path, bundle.manifest, {k: v for k, v in bundle.sums.items() if "expected" not in k})
    tried = measure(bare, 0.0, threads=1)
    assert {m.golden for m in tried} == {None}
    best = best_of(bare, tried)
    assert best is not None
    assert best.choice.compute == "f32"


@pytest.mark.parametrize(
    ("precision", "compute", "kind"), [("int8", "f32", "int8"), ("f32", "f32", "f32"), ("f32", "bf16", "bf16")]
)
def test_kind_of_a_choice(precision: str, compute: Compute, kind: str) -> None:
    """A float network is called by the precision that it is computed in."""
    assert Choice(precision, compute, 2, 1).kind == kind
