"""The same training with several seeds, and the mean and spread of its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.metrics import Spread
from edgewbc.train import recipe_file, run
from edgewbc.train.history import EpochResult, TrainingCallbacks
from edgewbc.train.recipe import AUTO, TrainRecipe
from edgewbc.utils.files import write_json

FORMAT = 1


@dataclass(frozen=True)
class Repeats:
    """Runs of one recipe that differ in their seed.

    Attributes:
        folders: of the runs.
        seeds: of the runs.
        best: result of the kept epoch of each run.
        file: where the summary is.
    """

    folders: tuple[Path, ...]
    seeds: tuple[int, ...]
    best: tuple[EpochResult, ...]
    file: Path

    @property
    def accuracy(self) -> Spread:
        """Spread of the validation accuracy, 0 to 1."""
        return Spread.of([each.val_accuracy for each in self.best])

    def to_json(self) -> dict[str, Any]:
        """Return the contents of the summary file."""
        return {
            "format": FORMAT,
            "val_accuracy": self.accuracy.to_json(),
            "val_balanced_accuracy": Spread.of([each.val_balanced_accuracy for each in self.best]).to_json(),
            "val_loss": Spread.of([each.val_loss for each in self.best]).to_json(),
            "runs": [
                {"run": str(folder), "seed": seed, "best": best.to_json()}
                for folder, seed, best in zip(self.folders, self.seeds, self.best, strict=True)
            ],
        }


def train(
    options: TrainRecipe,
    manifest: Manifest,
    count: int,
    *,
    teachers: Sequence[Path] = (),
    to: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    **callbacks: Unpack[TrainingCallbacks],
) -> Repeats:
    """Train with the recipe's seed and the next ones, one run after another, into `<to>-seed<n>`.

    Runs that are finished are kept, and one that was interrupted is resumed, so that the same command continues the
    series. The summary is `<to>-seeds.json`.

    Args:
        options: the recipe.
        manifest: images to train and validate on; the split is the same for all seeds.
        count: number of seeds, at least 2.
        teachers: runs to learn from.
        to: beginning of the names of the run folders; None is runs/<name of the recipe>.
        say: receives remarks.
        **callbacks: `progress` and `report` of `loop.fit`.

    Raises:
        UserError: a folder holds another run, or as `run.train` does.
    """
    if count < 2:
        raise UserError(f"--seeds {count}: a spread needs at least 2 seeds")
    base = to if to is not None else runs.ROOT / options.name
    first = base.with_name(f"{base.name}-seed{options.fit.seed}")
    folders, seeds, best = [], [], []
    for seed in range(options.fit.seed, options.fit.seed + count):
        if options.fit.batch == AUTO and (first / run.STARTED).is_file():  # chosen once for the series
            size = recipe_file.read(first / run.RECIPE, TrainRecipe).fit.batch
            options = options.model_copy(update={"fit": options.fit.model_copy(update={"batch": size})})
        mine = options.model_copy(update={"fit": options.fit.model_copy(update={"seed": seed})})
        folder = base.with_name(f"{base.name}-seed{seed}")
        say(f"seed {seed}: {folder}")
        if (folder / run.STARTED).is_file():
            _check_same(folder, mine, manifest)
            if not (folder / runs.LINEAGE).is_file():
                run.resume(folder, manifest, **callbacks)
        else:
            run.train(mine, manifest, teachers=teachers, to=folder, say=say, **callbacks)
        folders.append(folder)
        seeds.append(seed)
        best.append(EpochResult.from_json(runs.lineage(folder).validation))
    made = Repeats(tuple(folders), tuple(seeds), tuple(best), base.with_name(f"{base.name}-seeds.json"))
    write_json(made.file, made.to_json())
    return made


def _check_same(folder: Path, options: TrainRecipe, manifest: Manifest) -> None:
    """Raise UserError unless a run folder is of this recipe and this manifest."""
    run.StartRecord.check(folder, manifest)
    if recipe_file.read(folder / run.RECIPE, TrainRecipe) != options:
        raise UserError(f"{folder}: is a run of another recipe: use another --to")
