"""The accuracy of a run or a bundle on one side of a manifest, as a row that says of what, on what and under which
protocol. On a bundle this needs the lab side only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.cells import REFERENCE_ACCURACY
from edgewbc.data import images
from edgewbc.data.manifest import SYNTHETIC, Entry, Manifest, facts
from edgewbc.errors import GateError
from edgewbc.evaluation.load import LoadedModel, load
from edgewbc.metrics import probability_scores, score
from edgewbc.utils.progress import Progress, quiet


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
) -> dict[str, Any]:
    """Answer every picture of a split and score the answers.

    Args:
        model: a bundle (folder or zip) or a run folder.
        manifest: labelled pictures.
        split: train, val or test.
        precision, backend: as `evaluation.load.load` takes them; None for the model's own default.
        batch: pictures answered at once.
        threads: of the runtime; None leaves it to the runtime.
        progress: shows how far it is.

    Returns:
        what `metrics.score` and `metrics.proper` give (over the classes of the model), and protocol, split, source,
        manifest_sha256, model, model_sha256, precision (that really ran), backend, reference.

    Raises:
        UserError: not a model or not one that runs here, the split is empty, a picture changed, or a label is not a
            class of the model.
    """
    manifest.split(split)  # an empty one is refused before a model is loaded
    loaded = load(model, backend=backend, precision=precision, threads=threads)
    return judged(loaded, manifest, split, batch, progress)[0]


def judged(
    loaded: LoadedModel, manifest: Manifest, split: str, batch: int = 32, progress: Progress = quiet
) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[np.int64]]:
    """What `evaluate` gives; and the class of each entry and what was answered, as indices, (n,) each."""
    entries = manifest.split(split)
    truth = images.truth(manifest, entries, loaded.classes)
    said = probabilities(loaded, manifest, entries, batch, progress)
    predicted = said.argmax(1)
    found = {
        **facts(manifest, split).to_json(),
        "model": loaded.name,
        "model_sha256": loaded.sha256,
        "precision": loaded.predictor.info.precision,
        "backend": str(loaded.predictor.info.backend),
        **(scored := score(truth, predicted, loaded.classes)),
        **probability_scores(truth, said),
        "reference": reference(scored["accuracy"], manifest),
    }
    return found, truth, predicted


def probabilities(
    loaded: LoadedModel, manifest: Manifest, entries: Sequence[Entry], batch: int = 32, progress: Progress = quiet
) -> NDArray[np.float32]:
    """What a model says of entries, in their order, (n, K)."""
    steps = progress(images.batches(manifest, entries, loaded.pixels, batch), "eval", -(-len(entries) // batch))
    return np.concatenate([prediction.probabilities for prediction in loaded.predictor.stream(steps)])


def reference(accuracy: float | None, manifest: Manifest) -> dict[str, Any]:
    """Whether an accuracy meets the poster's ~99 %, and under which protocol; `met` is None for synthetic pictures."""
    counts = accuracy is not None and manifest.provenance.source != SYNTHETIC
    return {
        "accuracy": REFERENCE_ACCURACY,
        "protocol": manifest.protocol,
        "met": accuracy >= REFERENCE_ACCURACY if counts and accuracy is not None else None,
    }


def require(accuracy: float | None, least: float | None, protocol: str | None) -> None:
    """The gate of `--require-accuracy`; the protocol is for the message.

    Raises:
        GateError: the accuracy is below `least`.
    """
    if least is not None and (accuracy is None or accuracy < least):
        found = "none was measured" if accuracy is None else f"{100 * accuracy:.2f} % was measured"
        raise GateError(f"an accuracy of {100 * least:.2f} % is required, {found} (protocol {protocol or 'none'})")
