"""What suites share: a run folder that is finished, gone on with, or begun; and what is told meanwhile."""

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
class Watch:
    """What a suite tells while it runs: a line, and a training's progress and epochs."""

    say: Callable[[str], None] = lambda line: None
    progress: BatchCallback | None = None
    report: EpochCallback | None = None

    @property
    def training(self) -> TrainingCallbacks:
        """For `train.run` and `compress.recover`."""
        return {"progress": self.progress, "report": self.report}


def finished(
    folder: Path,
    recipe: Any,
    manifest: Manifest,
    watch: Watch,
    *,
    begin: Callable[[], Path],
    go_on: Callable[[], Path],
) -> Path:
    """The run folder of a part, trained now, or gone on with, or finished before.

    Args:
        folder: of the part; `begin` makes it.
        recipe: a `train.recipe.TrainRecipe` or `PruneRecipe`.
        begin, go_on: train from the start, or from the checkpoint in the folder.

    Raises:
        UserError: the folder has another recipe or manifest than this part.
    """
    from edgewbc.train import run as steps
    from edgewbc.train.recipe_file import read

    if not folder.exists():
        watch.say(f"{folder.name}: training")
        return begin()
    steps.StartRecord.check(folder, manifest)
    if read(folder / steps.RECIPE, type(recipe)) != recipe:
        raise UserError(f"{folder}: was trained by another recipe than {recipe.name} is now: move it away")
    if (folder / runs.LINEAGE).exists():
        return folder
    if not any(folder.rglob("*.safetensors")):  # interrupted in its first minutes: there is nothing to go on with
        shutil.rmtree(folder)
        watch.say(f"{folder.name}: training")
        return begin()
    watch.say(f"{folder.name}: going on")
    return go_on()


def train(folder: Path, recipe: Any, manifest: Manifest, watch: Watch, teachers: Sequence[Path] = ()) -> Path:
    """`finished`, of a `train.recipe.TrainRecipe`: in a run folder of its own, learning from teachers if there are."""
    from edgewbc.train import run as steps

    return finished(
        folder, recipe, manifest, watch,
        begin=lambda: steps.train(recipe, manifest, teachers=teachers, to=folder, **watch.training),
        go_on=lambda: steps.resume(folder, manifest, **watch.training),
    )  # fmt: skip


def minutes(folder: Path) -> float:
    """How long a run's epochs took, those between steps of pruning too."""
    from edgewbc.train import history

    lines = [line for file in folder.rglob(history.METRICS) for line in file.read_text().splitlines() if line]
    return round(sum(float(json.loads(line)["seconds"]) for line in lines) / 60, 1)
