"""Trainings that are parts of a study: started, resumed after an interruption, or skipped if they are finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from edgewbc.train.history import BatchCallback, EpochCallback, TrainingCallbacks


@dataclass(frozen=True)
class StageReporter:
    """Receives the messages of a study while it runs.

    Attributes:
        say: a line for the user.
        progress: epoch, finished batches and number of batches of a training.
        report: the metrics of each epoch.
    """

    say: Callable[[str], None] = lambda line: None
    progress: BatchCallback | None = None
    report: EpochCallback | None = None

    @property
    def training(self) -> TrainingCallbacks:
        """Keyword arguments for `train.run` and `compress.prune_and_finetune`."""
        return {"progress": self.progress, "report": self.report}


def finished(
    folder: Path,
    recipe: Any,
    manifest: Manifest,
    reporter: StageReporter,
    *,
    begin: Callable[[], Path],
    resume: Callable[[], Path],
) -> Path:
    """Train a part of a study, resume it, or return its run folder if it is finished.

    Args:
        folder: the run folder; `begin` creates it.
        recipe: a `train.recipe.TrainRecipe` or `PruneRecipe`.
        manifest: the images.
        reporter: receives messages.
        begin: trains from the start.
        resume: trains from the checkpoint in the folder.

    Raises:
        UserError: the folder was made from another recipe or manifest.
    """
    from edgewbc.train import run as steps
    from edgewbc.train.recipe_file import read

    if not folder.exists():
        reporter.say(f"{folder.name}: training")
        return begin()
    steps.StartRecord.check(folder, manifest)
    if read(folder / steps.RECIPE, type(recipe)) != recipe:
        raise UserError(f"{folder}: was trained with another version of the recipe {recipe.name}: move the folder away")
    if (folder / runs.LINEAGE).exists():
        return folder
    if not any(folder.rglob("*.safetensors")):  # interrupted before the first checkpoint
        shutil.rmtree(folder)
        reporter.say(f"{folder.name}: training")
        return begin()
    reporter.say(f"{folder.name}: resuming")
    return resume()


def train(
    folder: Path, recipe: Any, manifest: Manifest, reporter: StageReporter, teachers: Sequence[Path] = ()
) -> Path:
    """Train a `train.recipe.TrainRecipe` as a part of a study (see `finished`), with teachers if there are any."""
    from edgewbc.train import run as steps

    return finished(
        folder, recipe, manifest, reporter,
        begin=lambda: steps.train(recipe, manifest, teachers=teachers, to=folder, **reporter.training),
        resume=lambda: steps.resume(folder, manifest, **reporter.training),
    )  # fmt: skip


def minutes(folder: Path) -> float:
    """Return the duration of a run's epochs in minutes, including those between pruning steps."""
    from edgewbc.train import history

    lines = [line for file in folder.rglob(history.METRICS) for line in file.read_text().splitlines() if line]
    return round(sum(float(json.loads(line)["seconds"]) for line in lines) / 60, 1)
