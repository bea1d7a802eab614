"""Which of a bundle's models answers on this PC, and on how many threads: measured once, remembered, looked up.

`measure` tries what there is for a second each and `remember` writes the best into the user's cache folder, by bundle
and processor; `chosen` finds it there, or takes a choice that is sound anywhere. What is remembered only ever picks out
one of the choices that this bundle and this PC have: a file that says something else is as good as none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime import host, tuning_cache
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.openvino_import import capabilities
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import Compute
from edgewbc.runtime.throughput import run_for

BATCH = 8
"""Pictures that are answered at once while measuring: fewer than in `classify`, to end in time on a slow PC."""

MOST_STREAMS = 4
"""Streams that are taken where nothing was measured: each has memory of its own."""

MARGIN = 1.1
"""How many times as fast another precision than the bundle's default must be to take its place."""


@dataclass(frozen=True)
class Choice:
    """How a bundle is run.

    Attributes:
        precision: of the bundle's model, such as int8.
        compute: precision of what is not int8.
        threads: processors that decoding and inference share.
        streams: batches that the network works on side by side, on `threads` / `streams` threads each.
    """

    precision: str
    compute: Compute
    threads: int
    streams: int

    def files(self, bundle: Bundle) -> ModelFiles:
        """Read the bundle's model of this precision. Raises UserError if there is none, or a hash is wrong."""
        return bundle.read_model("openvino", self.precision)

    def pool(self, files: ModelFiles) -> PredictorPool:
        """Compile the model for callers that run batches from several threads. Raises UserError if it cannot run."""

        def make() -> OpenVINOPredictor:
            threads = max(1, self.threads // self.streams)
            return OpenVINOPredictor.from_files(files, compute=self.compute, threads=threads, streams=1, pinned=False)

        return PredictorPool(make, self.streams, self.threads)

    def predictor(self, files: ModelFiles) -> OpenVINOPredictor:
        """Compile the model for a stream of batches. Raises UserError if it cannot run."""
        return OpenVINOPredictor.from_files(
            files,
            compute=self.compute,
            threads=self.threads,
            streams=self.streams,
            hint="throughput",
        )


@dataclass(frozen=True)
class Measured:
    """A choice that was tried: pictures a second of the network alone, and whether it answers as the bundle says it
    must (`golden`; None where the bundle does not say)."""

    choice: Choice
    images_per_s: float
    golden: bool | None

    @property
    def sound(self) -> bool:
        """Whether it may be chosen. bfloat16 must be proven; the bundle's own precisions must not be disproven."""
        return bool(self.golden) if self.choice.compute == "bf16" else self.golden is not False

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self.choice), "images_per_s": round(self.images_per_s, 2), "golden": self.golden}


def default(bundle: Bundle, threads: int | None = None, precision: str | None = None) -> Choice:
    """A choice that is sound anywhere: the bundle's default precision, a stream a processor, four at most.

    Args:
        bundle: to be run.
        threads: limit; None takes every processor that this process may use.
        precision: in place of the bundle's default.

    Raises:
        UserError: threads below 1.
    """
    if threads is not None and threads < 1:
        raise UserError(f"{threads} threads: use 1 or more")
    cores = min(threads or host.cores(), host.cores())
    return Choice(precision or bundle.default_precision, "f32", cores, min(cores, MOST_STREAMS))


def candidates(bundle: Bundle, threads: int | None = None) -> list[Choice]:
    """Every choice that this bundle and this PC have, under a limit of threads. The default comes first.

    Raises:
        UserError: threads below 1.
    """
    first = default(bundle, threads)
    held = [p for p in bundle.precisions if bundle.holds("openvino", p)]
    kinds: list[tuple[str, Compute]] = [(p, "f32") for p in held]
    if "f32" in held and "BF16" in capabilities():
        kinds.append(("f32", "bf16"))
    # A core with two hyperthreads may do more with one: half of the processors are tried too where nobody set a limit.
    counts = {first.threads} if _limit(threads) else {first.threads, max(1, first.threads // 2)}
    found = [
        replace(first, precision=precision, compute=compute, threads=count, streams=streams)
        for precision, compute in kinds
        for count in sorted(counts, reverse=True)
        for streams in sorted({1, max(1, count // 2), min(count, MOST_STREAMS), count})
    ]
    return sorted(found, key=lambda choice: choice != first)


def measure(
    bundle: Bundle, seconds: float = 1.0, threads: int | None = None, step: Callable[[Choice], None] = lambda _: None
) -> list[Measured]:
    """Try each precision for about `seconds`, and then the best one's streams and threads; best first.

    Fewer candidates are tried than there are: precisions under the default's streams and threads, then the streams and
    threads of the best. Answers are compared with the bundle's golden samples.

    Args:
        bundle: to be run.
        seconds: of each.
        threads: limit of all of it; None is every processor that this process may use.
        step: called with each choice before it is tried.

    Raises:
        UserError: OpenVINO refuses a model, the bundle has none for it, or threads below 1.
    """
    bundle.model_files("openvino")
    every = candidates(bundle, threads)
    first = every[0]
    tried: list[Measured] = []

    def attempt(choice: Choice) -> None:
        step(choice)
        engine = choice.predictor(choice.files(bundle))
        if choice.compute == "bf16" and engine.info.compute != "bf16":
            return  # OpenVINO fell back to f32: it is tried already
        golden = next((m.golden for m in tried if _kind(m.choice) == _kind(choice)), None)
        if golden is None:
            golden = _golden(bundle, engine, choice.precision)
        tried.append(Measured(choice, _images_per_s(engine, seconds), golden))

    for choice in every:
        if (choice.threads, choice.streams) == (first.threads, first.streams):
            attempt(choice)
    best = best_of(bundle, tried)
    for choice in every:
        if best is not None and _kind(choice) == _kind(best.choice) and choice != best.choice:
            attempt(choice)
    return sorted(tried, key=lambda found: -found.images_per_s)


def best_of(bundle: Bundle, tried: list[Measured]) -> Measured | None:
    """The fastest that may be chosen; another precision than the bundle's default only if it is faster by a tenth.

    None where no candidate answers as the bundle says.
    """

    def worth(found: Measured) -> float:
        usual = (found.choice.precision, found.choice.compute) == (bundle.default_precision, "f32")
        return found.images_per_s * (MARGIN if usual else 1.0)

    return max((found for found in tried if found.sound), key=worth, default=None)


def remember(bundle: Bundle, tried: list[Measured], threads: int | None = None) -> Path:
    """Write the best of what was measured under a limit of threads into the user's cache folder; the file's path.

    Raises:
        OSError: there is no such folder, or it cannot be written to.
        ValueError: nothing that was measured may be chosen.
    """
    best = best_of(bundle, tried)
    if best is None:
        raise ValueError("no model of the bundle answers here as the bundle says it must")
    return tuning_cache.write(bundle, _limit(threads), asdict(best.choice), [found.to_dict() for found in tried])


def chosen(bundle: Bundle, threads: int | None = None, precision: str | None = None) -> Choice:
    """What was remembered for this bundle on this PC, or else `default`.

    Args:
        bundle: to be run.
        threads: limit of decoding and inference together. Where nothing was measured under this limit, what was
            measured without one says the precision.
        precision: the user's own wish: it is granted, and computed in f32.

    Raises:
        UserError: threads below 1, or the bundle holds no such precision for OpenVINO.
    """
    usual = default(bundle, threads, precision)
    bundle.model_files("openvino", precision)
    found = _remembered(bundle, threads)
    if found is None and _limit(threads):
        free = _remembered(bundle, None)
        found = None if free is None else replace(usual, precision=free.precision, compute=free.compute)
    if found is None:
        return usual
    return found if precision is None else replace(found, precision=precision, compute="f32")


def as_before(bundle: Bundle, threads: int | None, sha256: str, compute: str) -> Choice | None:
    """The choice that runs a certain file in a certain precision of computation; None where there is none here."""
    usual = default(bundle, threads)
    kinds = dict.fromkeys(_kind(choice) for choice in candidates(bundle, threads))
    found = ((p, c) for p, c in kinds if c == compute and bundle.model_sha256("openvino", p) == sha256)
    return next((replace(usual, precision=precision, compute=how) for precision, how in found), None)


def _remembered(bundle: Bundle, threads: int | None) -> Choice | None:
    """None for what is not one of the candidates, whatever it is."""
    values = tuning_cache.read(bundle, _limit(threads))
    return None if values is None else next((c for c in candidates(bundle, threads) if asdict(c) == values), None)


def _limit(threads: int | None) -> int | None:
    """A limit that is one: None where it lets all processors be used."""
    return None if threads is None or threads >= host.cores() else threads


def _kind(choice: Choice) -> tuple[str, Compute]:
    return choice.precision, choice.compute


def _golden(bundle: Bundle, engine: OpenVINOPredictor, precision: str) -> bool | None:
    from edgewbc.runtime.selftest import Golden

    try:
        return Golden.of(bundle).check(engine, precision).ok
    except UserError:  # a bundle without samples
        return None


def _images_per_s(predictor: OpenVINOPredictor, seconds: float) -> float:
    """Return the images per second of the network alone, over about `seconds` and at least two batches per stream."""
    size = (BATCH, *predictor.info.input_size, 3)
    images = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    run_for(predictor, images, BATCH, 0, at_least=2)  # warm-up: the first batches pack weights and allocate memory
    batches, duration = run_for(predictor, images, BATCH, seconds, at_least=2)
    return batches * BATCH / duration
