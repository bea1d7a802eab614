"""Evaluate a run or a bundle on one split of a manifest. A bundle's OpenVINO model needs no training packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgewbc.cells import REFERENCE_ACCURACY
from edgewbc.data import images
from edgewbc.data.manifest import SYNTHETIC, Entry, Manifest, facts
from edgewbc.decision.views import mean_of_views
from edgewbc.errors import GateError, UserError
from edgewbc.evaluation.load import LoadedModel, load
from edgewbc.evaluation.result import EvalResult, ReferenceComparison
from edgewbc.metrics import score
from edgewbc.probability_metrics import probability_scores
from edgewbc.runtime.predictor import fault
from edgewbc.utils.progress import Progress, quiet


class Evaluation(NamedTuple):
    """A result with the labels behind it.

    Attributes:
        truth: class index of each entry of the split, (n,).
        predicted: predicted class index of each entry, (n,).
    """

    result: EvalResult
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


def evaluate(
    model: Path,
    manifest: Manifest,
    split: str = "test",
    *,
    precision: str | None = None,
    backend: str | None = None,
    batch: int = 32,
    threads: int | None = None,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda line: None,
) -> EvalResult:
    """Predict every image of a split and score the predictions.

    Args:
        model: a bundle (folder or zip) or a run folder.
        manifest: labeled images.
        split: train, val or test.
        precision, backend: see `load`; None uses the model's own default.
        batch: batch size.
        threads: threads of the runtime; None leaves it to the runtime.
        progress: displays progress.
        say: called with each remark on the images.

    Raises:
        UserError: not a model or not one that runs here, the split is empty, an image changed, or a label is not a
            class of the model, or the model gives no probabilities.
    """
    manifest.split(split)  # an empty split is rejected before a model is loaded
    loaded = load(model, backend=backend, precision=precision, threads=threads)
    return evaluate_loaded(loaded, manifest, split, batch, progress, say).result


def evaluate_loaded(
    loaded: LoadedModel,
    manifest: Manifest,
    split: str,
    batch: int = 32,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Evaluate a model that is loaded already; see `evaluate`."""
    entries = manifest.split(split)
    truth = images.truth(manifest, entries, loaded.classes)
    seen = images.Seen()
    probabilities = predict(loaded, manifest, entries, batch, progress, seen)
    for line in seen.lines(loaded.pixels):
        say(line)
    predicted = probabilities.argmax(1)
    scores = score(truth, predicted, loaded.classes)
    split_facts = facts(manifest, split)
    result = EvalResult(
        **vars(scores),
        **vars(probability_scores(truth, probabilities)),
        protocol=split_facts.protocol,
        split=split_facts.split,
        source=split_facts.source,
        manifest_sha256=split_facts.manifest_sha256,
        model=loaded.name,
        model_sha256=loaded.sha256,
        precision=loaded.predictor.info.precision,
        backend=str(loaded.predictor.info.backend),
        reference=reference(scores.accuracy, manifest),
        views=1 if loaded.averaged is None else len(loaded.averaged),
    )
    return Evaluation(result, truth, predicted)


def predict(
    loaded: LoadedModel,
    manifest: Manifest,
    entries: Sequence[Entry],
    batch: int = 32,
    progress: Progress = quiet,
    seen: images.Seen | None = None,
) -> NDArray[np.float32]:
    """Return the probabilities of entries, float32 (n, K), calibrated if the model is; `seen` counts the images.

    Raises:
        UserError: an image cannot be used, or the model gives values that are not probabilities.
    """
    prepared = images.batches(manifest, entries, loaded.pixels, batch, seen)
    batches = progress(prepared, "eval", -(-len(entries) // batch))
    found = np.concatenate([prediction.probabilities for prediction in loaded.predictor.stream(batches)])
    if loaded.averaged is not None:
        count = -(-len(entries) * (len(loaded.averaged) - 1) // batch)
        turned = images.view_batches(manifest, entries, loaded.pixels, loaded.averaged, batch)
        stream = loaded.predictor.stream(progress(turned, "eval: other views", count))
        others = np.concatenate([prediction.probabilities for prediction in stream])
        found = mean_of_views(found, others)
    if why := fault(found):
        raise UserError(f"{loaded.name}: {why}: export or train it again")
    return found if loaded.calibration is None else loaded.calibration.apply(found)


def reference(accuracy: float | None, manifest: Manifest) -> ReferenceComparison:
    """Compare an accuracy with the poster's 99 %; `met` is None for synthetic images, which are not comparable."""
    comparable = accuracy is not None and manifest.provenance.source != SYNTHETIC
    met = accuracy >= REFERENCE_ACCURACY if comparable and accuracy is not None else None
    return ReferenceComparison(REFERENCE_ACCURACY, manifest.protocol, met)


def require(accuracy: float | None, minimum: float | None, protocol: str | None) -> None:
    """Enforce `--require-accuracy`; the protocol is named in the message.

    Raises:
        GateError: the accuracy is below `minimum`.
    """
    if minimum is not None and (accuracy is None or accuracy < minimum):
        measured = "none was measured" if accuracy is None else f"{100 * accuracy:.2f} % was measured"
        raise GateError(f"an accuracy of {100 * minimum:.2f} % is required, {measured} (protocol {protocol or 'none'})")
