"""What the cells of a second microscope add to a network's training: `python -m bench.second_source $EDGEWBC_DATA`.

From the same start (a network trained on PBC alone), with the same recipe, epochs and seeds, a network is trained on
PBC and another on PBC and BCCD. Both are measured on a laboratory that neither has seen (JTSC), and on PBC validation;
no choice is made on JTSC. An interrupted study is resumed by the same command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import stages
from bench.console import CHECKOUT, RESULTS, need_training_side, stage_reporter
from bench.lab_cells import shown
from bench.travel.cells import ENOUGH
from edgewbc.cells import POSTER_CLASSES
from edgewbc.cli.console import progress, say
from edgewbc.data.join import join
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import exit_code
from edgewbc.evaluation import evaluate
from edgewbc.metrics import Accuracy, Spread
from edgewbc.utils.files import sha256, write_json

FORMAT = 1
EPOCHS, SEEDS = 3, 2
START = CHECKOUT / "export" / "networks" / "travel-lite0" / "model.safetensors"
EXTERNAL = "jtsc"
FINE_TUNING = {"fit.lr": 3e-4, "fit.head_lr": 4, "fit.average": 0.998}
"""What differs from the recipe, which starts from ImageNet."""


@dataclass(frozen=True)
class Arm:
    """What the trainings on one choice of images gave, a value a seed.

    Attributes:
        images: name of the training images.
        cells: number of training cells.
        in_domain: accuracy on PBC validation.
        external: accuracy on the other laboratory's cells.
        macro: mean recall over its classes with at least `ENOUGH` cells.
    """

    images: str
    cells: int
    in_domain: tuple[Accuracy, ...]
    external: tuple[Accuracy, ...]
    macro: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with the spread of the mean recall."""
        return {
            "images": self.images,
            "cells": self.cells,
            "home": [each.to_json() for each in self.in_domain],
            "abroad": [each.to_json() for each in self.external],
            "macro": list(self.macro),
            "spread": vars(Spread.of(self.macro)),
        }

    def __str__(self) -> str:
        right = ", ".join(f"{each.correct} of {each.n}" for each in self.in_domain)
        return f"{self.images}: mean recall on the external set {shown(Spread.of(self.macro))}; in-domain {right}"


def manifests(data: Path) -> dict[str, Manifest]:
    """Return the training images of each arm, by name."""
    own = make("pbc", data / "pbc", protocol="published")
    other = make("bccd", data / "bccd", protocol="grouped", classes=POSTER_CLASSES)
    return {"pbc": own, "pbc + bccd": join([own, other], ["bccd"])}


def measure(run: Path, manifest: Manifest, split: str) -> tuple[Accuracy, float]:
    """Return the accuracy of a run on a split, and its mean recall over the classes with enough cells."""
    found = evaluate.evaluate(run, manifest, split, progress=progress)
    recalls = [one.recall for one in found.per_class.values() if one.n >= ENOUGH and one.recall is not None]
    return Accuracy(found.n, found.correct), float(np.mean(recalls))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write `bench/results/second-source.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.second_source", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of public sets (pbc, jtsc, bccd)")
    parser.add_argument("--start", type=Path, default=START, help="weights to start from")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--runs", type=Path, default=Path("runs/second-source"), help="folder of the trainings")
    parser.add_argument("--out", type=Path, default=RESULTS / "second-source.json")
    given = parser.parse_args(arguments)

    def step() -> None:
        need_training_side("bench.second_source")
        from edgewbc.train.recipe import TrainRecipe
        from edgewbc.train.recipe_file import read

        external = make(EXTERNAL, given.data / EXTERNAL, protocol="external")
        reporter = stage_reporter()
        arms = []
        for name, manifest in manifests(given.data).items():
            found = []
            for seed in range(given.seeds):
                recipe = read(
                    CHECKOUT / "recipes" / "travel" / "lite0.yaml",
                    TrainRecipe,
                    {"weights": str(given.start), "fit.epochs": given.epochs, "fit.seed": seed, **FINE_TUNING},
                )
                folder = given.runs / f"{name.replace(' + ', '-')}-{seed}"
                run = stages.train(folder, recipe, manifest, reporter)
                found.append((measure(run, manifest, "val"), measure(run, external, "test")))
            arms.append(
                Arm(
                    name,
                    len(manifest.split("train")),
                    tuple(own[0] for own, _ in found),
                    tuple(other[0] for _, other in found),
                    tuple(other[1] for _, other in found),
                )
            )
            say(str(arms[-1]))
        write_json(
            given.out,
            {
                "format": FORMAT,
                "start_sha256": sha256(given.start),
                "epochs": given.epochs,
                "seeds": given.seeds,
                "abroad": EXTERNAL,
                "arms": [each.to_json() for each in arms],
            },
        )

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
