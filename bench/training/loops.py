"""The training loops, measured in a process of their own: `python -m bench.training.loops` with a `Job` on stdin.

A measurement is an epoch of a few batches, from the first image that is decoded to the last step: what a loop prepares
ahead is used within it, and none of it comes from the time before. Each loop trains for an epoch before it is measured,
in which its heap grows and its worker processes start.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.training.result import Loop, Network
from edgewbc.data.manifest import Entry, Manifest, Split
from edgewbc.errors import UserError
from edgewbc.utils import resources, subprocesses

if TYPE_CHECKING:
    import torch

    from edgewbc.nets.network import Network as Net
    from edgewbc.nets.spec import ModelSpec
    from edgewbc.train.recipe import Fit

VALIDATION = 4
"""Images of the validation split that a manifest needs to be trained on; none of them is looked at."""

Epoch = Callable[[], int]
"""Trains for one epoch, and returns the number of images."""


@dataclass(frozen=True)
class Job:
    """What one process measures, in this order and backwards if `backwards` is set.

    Attributes:
        manifest: folder of the images.
        networks: to train.
        precisions: f32, bf16 or both.
        threads: of torch; the process is limited to as many cores, on Linux.
        kept: whether freed memory is kept; the loops are those that are measured with it (`Loop.kept`).
        backwards: whether the order of the measurements is reversed.
    """

    manifest: Path
    networks: tuple[Network, ...]
    precisions: tuple[str, ...]
    threads: int
    kept: bool
    backwards: bool = False

    def to_json(self) -> str:
        """Return the job as JSON text."""
        return json.dumps(asdict(self) | {"manifest": str(self.manifest)})

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what `to_json` returned."""
        values = json.loads(text)
        networks = tuple(Network(**one) for one in values["networks"])
        changed = {"manifest": Path(values["manifest"]), "networks": networks, "precisions": (*values["precisions"],)}
        return cls(**{**values, **changed})


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
        network: its name.
        precision: f32 or bf16.
        loop: that was measured.
        images_per_s: throughput.
        system: share of the time that this process spent in the kernel.
    """

    network: str
    precision: str
    loop: Loop
    images_per_s: float
    system: float


def measure(job: Job) -> list[Measured]:
    """Measure each loop once, for each network and precision.

    Raises:
        UserError: the manifest has too few images.
    """
    import torch

    from edgewbc.train.heap import keep_freed_memory

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    torch.set_num_threads(job.threads)
    if job.kept:
        keep_freed_memory()
    manifest = Manifest.read(job.manifest)
    pairs = [(network, precision) for network in job.networks for precision in job.precisions]
    found = []
    for network, precision in pairs[::-1] if job.backwards else pairs:
        with tempfile.TemporaryDirectory() as folder:
            wanted = [loop for loop in Loop if loop.kept == job.kept]
            epochs = loops(network, precision, manifest, Path(folder), wanted)
            for loop in wanted[::-1] if job.backwards else wanted:
                epochs[loop]()
                started, system = time.perf_counter(), os.times().system
                images = epochs[loop]()
                seconds, kernel = time.perf_counter() - started, os.times().system - system
                found.append(Measured(network.name, precision, loop, images / seconds, kernel / seconds))
    return found


def part_of(manifest: Manifest, images: int) -> Manifest:
    """Return a manifest with so many training images, evenly taken, and a few of validation.

    Raises:
        UserError: it has fewer.
    """
    train, val = manifest.split(Split.TRAIN), manifest.split(Split.VAL)
    if len(train) < images or not val:
        raise UserError(f"{manifest.root}: has {len(train)} training images: {images} and one of validation are needed")
    kept = [*(train[number * len(train) // images] for number in range(images)), *val[:VALIDATION]]
    return replace(manifest, entries=tuple(kept))


def loops(
    network: Network, precision: str, manifest: Manifest, folder: Path, wanted: Sequence[Loop]
) -> Mapping[Loop, Epoch]:
    """Return loops of a network, which start from the same weights.

    Args:
        network: to train.
        precision: f32 or bf16.
        manifest: of the images.
        folder: for what a training writes.
        wanted: the loops.
    """
    import torch

    from edgewbc.nets import model
    from edgewbc.train import recipe_file
    from edgewbc.train.frozen_features import freeze
    from edgewbc.train.recipe import TrainRecipe

    changes: dict[str, recipe_file.Value] = {
        "fit.batch": network.batch,
        "fit.precision": precision,
        "fit.checkpoint_minutes": 1e6,
    }
    recipe = recipe_file.read(resources.recipes()[network.recipe], TrainRecipe, changes)
    part = part_of(manifest, network.batch * network.batches)
    torch.manual_seed(recipe.fit.seed)
    spec = recipe.model.spec(part.classes)
    net = model.build(spec)
    freeze(net, recipe.fit.freeze_blocks)
    made: dict[Loop, Callable[[Net], Epoch]] = {
        Loop.EDGEWBC: lambda own: _edgewbc(own, spec, recipe.fit, part, folder),
        Loop.RETURNED: lambda own: _edgewbc(own, spec, recipe.fit, part, folder),
        Loop.PLAIN: lambda own: _plain(own, spec, recipe.fit, part),
        Loop.LIMIT: lambda own: _limit(own, spec, recipe.fit, network.batches),
    }
    return {loop: made[loop](copy.deepcopy(net)) for loop in wanted}


def _edgewbc(net: Net, spec: ModelSpec, fit: Fit, manifest: Manifest, folder: Path) -> Epoch:
    """Return the loop of `edgewbc train`: its `Trainer`."""
    from edgewbc.train.loop import Trainer

    trainer = Trainer(net, spec, fit, manifest, folder)
    trainer.prepare()

    def epoch() -> int:
        trainer.train_epoch()
        seen = trainer.state.seen
        trainer.state.epoch, trainer.state.batch, trainer.state.seen = trainer.state.epoch + 1, 0, 0
        return seen

    return epoch


def _stepper(net: Net, fit: Fit) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """Return a plain training step: input (n, 3, h, w) and class indices (n,) to the loss."""
    import torch
    from torch.nn.functional import cross_entropy

    from edgewbc.train.optimizer import build_optimizer

    net.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(net, fit)

    def step(x: torch.Tensor, target: torch.Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=fit.precision == "bf16"):
            logits = net(x)
        loss = cross_entropy(logits.float(), target, label_smoothing=fit.label_smoothing)
        torch.autograd.backward(loss)
        if fit.clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), fit.clip)
        optimizer.step()
        return float(loss.detach())

    return step


def _limit(net: Net, spec: ModelSpec, fit: Fit, batches: int) -> Epoch:
    """Return the limit: one batch in memory, forward, backward and step."""
    import torch

    step = _stepper(net, fit)
    x = torch.randn(int(fit.batch), 3, spec.pixels.height, spec.pixels.width)
    x = x.contiguous(memory_format=torch.channels_last)
    target = torch.arange(len(x)) % len(spec.classes)

    def epoch() -> int:
        for _ in range(batches):
            step(x, target)
        return batches * len(x)

    return epoch


class _Images:
    """A torch dataset as a person would write it: PIL, and torchvision's transforms."""

    def __init__(self, manifest: Manifest, entries: Sequence[Entry], spec: ModelSpec, fit: Fit) -> None:
        from torchvision import transforms

        ranges, pixels = fit.augment, spec.pixels
        crop = [transforms.CenterCrop(pixels.size)] if pixels.crop == "centre" else []
        flips = [transforms.RandomHorizontalFlip(), transforms.RandomVerticalFlip()] if ranges.flip else []
        sigma = (0.05, max(0.06, ranges.blur))
        blur = [transforms.RandomApply([transforms.GaussianBlur(5, sigma)], 0.5)] if ranges.blur else []
        self._transform = transforms.Compose(
            [
                transforms.RandomAffine(
                    ranges.rotate, (ranges.shift, ranges.shift), (1 - ranges.scale, 1 + ranges.scale),
                    interpolation=transforms.InterpolationMode.BILINEAR,
                ),
                *crop,
                transforms.Resize((pixels.height, pixels.width)),
                *flips,
                transforms.ColorJitter(ranges.brightness, ranges.contrast, ranges.saturation),
                *blur,
                transforms.ToTensor(),
                transforms.Normalize(pixels.mean, pixels.std),
            ]
        )  # fmt: skip
        self._files = [manifest.root / entry.path for entry in entries]
        self._labels = [spec.classes.index(entry.label) for entry in entries]

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image, (3, h, w), and its class."""
        from PIL import Image

        with Image.open(self._files[index]) as image:
            return self._transform(image.convert("RGB")), self._labels[index]


def _plain(net: Net, spec: ModelSpec, fit: Fit, manifest: Manifest) -> Epoch:
    """Return a plain loop over torch's DataLoader."""
    import torch
    from torch.utils.data import DataLoader

    step = _stepper(net, fit)
    images: Any = _Images(manifest, manifest.split(Split.TRAIN), spec, fit)
    loader: Iterable[tuple[torch.Tensor, torch.Tensor]] = DataLoader(
        images, int(fit.batch), shuffle=True, drop_last=True, num_workers=fit.workers, persistent_workers=True
    )

    def epoch() -> int:
        seen = 0
        for x, target in loader:
            step(x.contiguous(memory_format=torch.channels_last), target)
            seen += len(x)
        return seen

    return epoch


def main() -> None:
    """Measure the job on stdin, and send the measurements to the parent process."""
    try:
        found: Any = [asdict(one) for one in measure(Job.from_json(sys.stdin.read()))]
    except UserError as error:
        found = {"error": str(error)}
    subprocesses.write_result(found)


if __name__ == "__main__":
    main()
