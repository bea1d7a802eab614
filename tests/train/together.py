"""Tiny trainings, one after another, in as many processes as were started; `test_distributed` compares them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from edgewbc.data.manifest import Manifest
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import loop
from edgewbc.train.distributed import process_state
from edgewbc.train.recipe import Fit

STOP = 2
"""Steps after which a job that stops has stopped."""


@dataclass(frozen=True)
class Job:
    """A training.

    Attributes:
        name: of its run folder.
        fit: of the recipe.
        normed: with batch normalization.
        stop: end after `STOP` steps, with a checkpoint.
        resume: continue from the checkpoint of the run folder.
    """

    name: str
    fit: dict[str, Any] = field(default_factory=dict)
    normed: bool = False
    stop: bool = False
    resume: bool = False


class Stopped(Exception):
    """Raised in the middle of an epoch."""


def run(folder: Path, manifest: Manifest, job: Job) -> None:
    """Train; write `NAME.PROCESS.safetensors` and, of the first process, `NAME.json`."""
    pixels = PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    spec = ModelSpec("vgg16gap", manifest.classes, pixels, (8, "M", 8, "M", 16), (10,))
    if job.normed:
        spec = ModelSpec("edgenet", manifest.classes, pixels, (8, "M", 16), (), form="branches")
    torch.manual_seed(3)
    net = model.build(spec)
    made = folder / job.name
    made.mkdir(exist_ok=True)

    def stop(_: int, done: int, __: int) -> None:
        if job.stop and done == STOP:
            trainer.save()
            raise Stopped

    trainer = loop.Trainer(net, spec, Fit.model_validate(job.fit), manifest, made, progress=stop)
    if job.resume:
        trainer.resume()
    try:
        best = trainer.train()
    except Stopped:
        process_state().wait_for_everyone()
        return
    state = process_state()
    tensors = {key: value.contiguous() for key, value in net.state_dict().items()}
    save_file(tensors, folder / f"{job.name}.{state.process_index}.safetensors")
    if state.is_main_process:
        (folder / f"{job.name}.json").write_text(json.dumps(best.to_json()))
    state.wait_for_everyone()


def write(path: Path, jobs: Sequence[Job]) -> None:
    """Write jobs for `main`."""
    path.write_text(json.dumps([asdict(job) for job in jobs]))


def main(folder: Path) -> None:
    """Run the jobs of `jobs.json` on the manifest in `m`."""
    manifest = Manifest.read(folder / "m")
    for values in json.loads((folder / "jobs.json").read_text()):
        run(folder, manifest, Job(**values))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
