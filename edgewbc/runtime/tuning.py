"""Choose which of a bundle's models to run on this PC, and on how many threads and streams.

`measure` times the candidates for about a second each, and `remember` saves the best one in the user's cache folder, by
bundle and processor. `chosen` looks it up there, or falls back to a default that works anywhere. A cached choice counts
only if it is one of the candidates of this bundle on this PC; anything else in the cache is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime import host, trial, tuning_cache
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.openvino_import import capabilities
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import Compute
from edgewbc.runtime.throughput import run_for

BATCH = 8
"""Batch size of the measurement: smaller than in `classify`, to finish in time on a slow PC."""

MAX_STREAMS = 4
"""Maximum number of streams used if nothing was measured: each stream has memory of its own."""

MARGIN = 1.1
"""Speedup that another precision needs over the bundle's default precision to be chosen instead."""


@dataclass(frozen=True)
class Choice:
    """How to run a bundle.

    Attributes:
        precision: precision of the model, such as int8.
        compute: precision of the layers that are not int8.
        threads: processors shared by decoding and inference.
        streams: batches processed in parallel, on `threads` / `streams` threads each.
    """

    precision: str
    compute: Compute
    threads: int
    streams: int

    @property
    def kind(self) -> str:
        """What a person calls it: bf16, or the precision of the model."""
        return "bf16" if self.compute == "bf16" else self.precision

    def files(self, bundle: Bundle) -> ModelFiles:
        """Read the bundle's model of this precision. Raises UserError as `trial.read_model`."""
        return trial.read_model(bundle, "openvino", self.precision)

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
    """A measured choice.

    Attributes:
        images_per_s: throughput of the network alone.
        golden: whether it passes the bundle's golden samples; None if the bundle has none.
    """

    choice: Choice
    images_per_s: float
    golden: bool | None

    @property
    def sound(self) -> bool:
        """Whether it may be chosen: bf16 must pass the golden samples, other precisions must not fail them."""
        return bool(self.golden) if self.choice.compute == "bf16" else self.golden is not False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.choice), "images_per_s": round(self.images_per_s, 2), "golden": self.golden}


def default(bundle: Bundle, threads: int | None = None, precision: str | None = None) -> Choice:
    """Return a choice that works anywhere: the bundle's default precision, one stream per processor, at most four.

    Args:
        bundle: bundle to run.
        threads: maximum number of threads to use; None uses every processor that this process may use.
        precision: replaces the bundle's default.

    Raises:
        UserError: threads below 1.
    """
    if threads is not None and threads < 1:
        raise UserError(f"{threads} threads: use 1 or more")
    cores = min(threads or host.cores(), host.cores())
    return Choice(precision or bundle.default_precision, "f32", cores, min(cores, MAX_STREAMS))


def candidates(bundle: Bundle, threads: int | None = None) -> list[Choice]:
    """Return every choice for this bundle on this PC under a limit of threads, the default first.

    Raises:
        UserError: threads below 1.
    """
    first = default(bundle, threads)
    held = [p for p in bundle.precisions if bundle.holds("openvino", p)]
    kinds: list[tuple[str, Compute]] = [(p, "f32") for p in held]
    if "f32" in held and "BF16" in capabilities():
        kinds.append(("f32", "bf16"))
    # A core with two hyperthreads may be faster with one: without a limit, half of the processors are tried too.
    counts = {first.threads} if _limit(threads) else {first.threads, max(1, first.threads // 2)}
    found = [
        replace(first, precision=precision, compute=compute, threads=count, streams=streams)
        for precision, compute in kinds
        for count in sorted(counts, reverse=True)
        for streams in sorted({1, max(1, count // 2), min(count, MAX_STREAMS), count})
    ]
    return sorted(found, key=lambda choice: choice != first)


def measure(
    bundle: Bundle, seconds: float = 1.0, threads: int | None = None, step: Callable[[Choice], None] = lambda _: None
) -> list[Measured]:
    """Measure candidates for about `seconds` each, and return them sorted by speed, the fastest first.

    Not all candidates are measured: first each precision with the default streams and threads, then the other streams
    and threads of the best precision. Each precision is checked against the bundle's golden samples.

    Args:
        bundle: bundle to run.
        seconds: duration of each measurement.
        threads: maximum number of threads to use; None uses every processor that this process may use.
        step: called with each choice before it is measured.

    Raises:
        UserError: OpenVINO rejects a model, the bundle has none for OpenVINO, or threads is below 1.
    """
    bundle.model_files("openvino")
    every = candidates(bundle, threads)
    first = every[0]
    tried: list[Measured] = []

    def attempt(choice: Choice) -> None:
        step(choice)
        predictor = choice.predictor(choice.files(bundle))
        if choice.compute == "bf16" and predictor.info.compute != "bf16":
            return  # OpenVINO fell back to f32, which was measured already
        golden = next((m.golden for m in tried if _kind(m.choice) == _kind(choice)), None)
        if golden is None:
            golden = _golden(bundle, predictor, choice.precision)
        tried.append(Measured(choice, _images_per_s(predictor, seconds), golden))

    for choice in every:
        if (choice.threads, choice.streams) == (first.threads, first.streams):
            attempt(choice)
    best = best_of(bundle, tried)
    for choice in every:
        if best is not None and _kind(choice) == _kind(best.choice) and choice != best.choice:
            attempt(choice)
    return sorted(tried, key=lambda found: -found.images_per_s)


def best_of(bundle: Bundle, tried: list[Measured]) -> Measured | None:
    """Return the fastest sound choice; a precision other than the bundle's default must be faster by 10 %.

    Returns:
        None if no candidate passes the golden samples.
    """

    def score(found: Measured) -> float:
        usual = (found.choice.precision, found.choice.compute) == (bundle.default_precision, "f32")
        return found.images_per_s * (MARGIN if usual else 1.0)

    return max((found for found in tried if found.sound), key=score, default=None)


def remember(bundle: Bundle, tried: list[Measured], threads: int | None = None) -> Path:
    """Save the best choice measured under a limit of threads in the user's cache folder, and return the file's path.

    Raises:
        OSError: the folder does not exist and cannot be created, or cannot be written to.
        ValueError: no measured choice is sound.
    """
    best = best_of(bundle, tried)
    if best is None:
        raise ValueError("no model of the bundle gives the expected predictions on this PC")
    return tuning_cache.write(bundle, _limit(threads), asdict(best.choice), [found.to_json() for found in tried])


def chosen(bundle: Bundle, threads: int | None = None, precision: str | None = None) -> Choice:
    """Return the remembered choice for this bundle on this PC, or else `default`.

    Args:
        bundle: bundle to run.
        threads: maximum number of threads for decoding and inference together. If nothing was measured under this
            limit, the precision of the choice measured without a limit is used.
        precision: precision that the user asked for; it is used as it is, computed in f32.

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


def choice_of_model(bundle: Bundle, threads: int | None, sha256: str, compute: str) -> Choice | None:
    """Return the choice that runs the model with this hash in this compute precision; None if there is none here."""
    usual = default(bundle, threads)
    kinds = dict.fromkeys(_kind(choice) for choice in candidates(bundle, threads))
    found = ((p, c) for p, c in kinds if c == compute and bundle.model_sha256("openvino", p) == sha256)
    return next((replace(usual, precision=precision, compute=how) for precision, how in found), None)


def _remembered(bundle: Bundle, threads: int | None) -> Choice | None:
    """Return the cached choice; None if it is not one of the candidates."""
    values = tuning_cache.read(bundle, _limit(threads))
    return None if values is None else next((c for c in candidates(bundle, threads) if asdict(c) == values), None)


def _limit(threads: int | None) -> int | None:
    """Normalize a limit: None if it allows all processors."""
    return None if threads is None or threads >= host.cores() else threads


def _kind(choice: Choice) -> tuple[str, Compute]:
    return choice.precision, choice.compute


def _golden(bundle: Bundle, predictor: OpenVINOPredictor, precision: str) -> bool | None:
    from edgewbc.runtime.selftest import GoldenSamples

    try:
        return GoldenSamples.from_bundle(bundle).check(predictor, precision).ok
    except UserError:  # a bundle without golden samples
        return None


def _images_per_s(predictor: OpenVINOPredictor, seconds: float) -> float:
    """Return the images per second of the network alone, over about `seconds` and at least two batches per stream."""
    size = (BATCH, *predictor.info.input_size, 3)
    images = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    run_for(predictor, images, BATCH, 0, at_least=2)  # warm-up: the first batches pack weights and allocate memory
    batches, duration = run_for(predictor, images, BATCH, seconds, at_least=2)
    return batches * BATCH / duration
