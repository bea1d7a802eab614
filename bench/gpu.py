"""Training speed on a GPU: `python -m bench.gpu MANIFEST` trains VGG16-GAP in bf16, channels last, on one CUDA device.

For each way of feeding it (`device`: prepared images on the GPU, turned and mirrored there; `ahead`: decoded and
augmented by CPU threads ahead of time) it reports images/s, the share of the card's bf16 peak, and the time to an
accuracy on the validation split. The time covers training, including compilation and without validation. With
`--dry-run`, the same steps run on the CPU with a tiny network and a few images, and nothing is written.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.console import RESULTS, need_training_side
from edgewbc.cli.console import emit, say
from edgewbc.data.manifest import Manifest, Split
from edgewbc.errors import UserError, exit_code
from edgewbc.metrics import Accuracy
from edgewbc.utils.files import write_json

if TYPE_CHECKING:
    import torch

    from edgewbc.nets.network import Network
    from edgewbc.nets.spec import ModelSpec

FORMAT = 1
SIDE = 224
FEEDS = ("device", "ahead")
PEAKS = {
    "H200": 989.0, "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.0, "A100": 312.0, "A10G": 70.0, "A10": 125.0,
    "L40S": 362.0, "L40": 181.0, "L4": 121.0, "RTX 4090": 165.0, "RTX 3090": 71.0,
}  # fmt: skip
"""Dense bf16 peak with f32 accumulation in TFLOP/s, from NVIDIA's data sheets; the first name that occurs counts."""
DRY_SIDE, DRY_CHANNELS, DRY_IMAGES = 32, (8, "M", 8, "M"), 16
"""Input size, channels and images of each side in a dry run."""
UNTIMED = 10
"""First steps of a training that do not count in images/s: compilation, and choices of kernels."""


@dataclass(frozen=True)
class Options:
    """Settings of a training.

    Attributes:
        feed: one of `FEEDS`.
        batch: images per step.
        epochs: maximum number of passes over the training images.
        accuracy: of the validation images at which the training ends.
        lr: highest learning rate.
        compile: whether torch.compile is used.
        workers: threads that decode and augment, for the feed `ahead`.
        seed: of weights, order and augmentation.
    """

    feed: str = "device"
    batch: int = 128
    epochs: int = 20
    accuracy: float = 0.99
    lr: float = 1e-4
    compile: bool = False
    workers: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Speed:
    """Result of a training.

    Attributes:
        options: settings.
        images_per_second: of the timed steps; None if there were none.
        tflops: of the timed steps: 6 floating-point operations per multiply-add and image (2 forward, 4 backward).
        peak_share: of the card's bf16 peak; None if the peak is not known.
        seconds: of training.
        seconds_to_accuracy: of training until the validation accuracy was reached; None if it was not.
        reached: accuracy on the validation split after the last epoch.
        epochs: number of epochs that were trained.
    """

    options: Options
    images_per_second: float | None
    tflops: float | None
    peak_share: float | None
    seconds: float
    seconds_to_accuracy: float | None
    reached: Accuracy
    epochs: int

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self) | {"reached": self.reached.to_json()}

    def __str__(self) -> str:
        """Return one line."""
        rate = "-" if self.images_per_second is None else f"{self.images_per_second:.0f} images/s"
        share = "share of the peak not known" if self.peak_share is None else f"{self.peak_share:.1%} of the bf16 peak"
        wanted = f"{self.options.accuracy:.1%}"
        when = self.seconds_to_accuracy
        end = f"{wanted} not reached in {self.epochs} epochs" if when is None else f"{wanted} after {when:.1f} s"
        how = "compiled" if self.options.compile else "not compiled"
        return f"data {self.options.feed}, {how}: {rate}, {share}; {end}"


def peak(name: str) -> float | None:
    """Return the bf16 peak of a card by its name, in TFLOP/s; None if it is not known."""
    return next((value for part, value in PEAKS.items() if all(word in name.split() for word in part.split())), None)


def teraflops(macs: int, images_per_second: float) -> float:
    """Return what a training computes, in TFLOP/s, from the multiply-adds of one image's forward pass."""
    return 6 * macs * images_per_second / 1e12


def rate_at(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of the highest: a warm-up of 5 %, then a cosine to 0."""
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm))


def few(manifest: Manifest) -> Manifest:
    """Return a manifest of the first images of train and validation, for a dry run."""
    sides = (Split.TRAIN, Split.VAL)
    entries = [entry for side in sides for entry in [e for e in manifest.entries if e.split == side][:DRY_IMAGES]]
    return replace(manifest, entries=tuple(entries))


def train(
    manifest: Manifest,
    spec: ModelSpec,
    options: Options,
    device: torch.device,
    *,
    start: Callable[[Network], None] | None = None,
    peak_tflops: float | None = None,
    untimed: int = UNTIMED,
) -> Speed:
    """Train until the accuracy is reached, and measure.

    Args:
        manifest: with the splits train and val.
        spec: the network.
        options: settings.
        device: that trains.
        start: sets the start weights; None leaves random ones.
        peak_tflops: bf16 peak of the card.
        untimed: number of first steps that do not count in images/s.

    Raises:
        UserError: a split has no images, or an image cannot be read.
    """
    import torch

    from edgewbc.data import images
    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed
    from edgewbc.train.optimizer import build_optimizer
    from edgewbc.train.recipe import Fit

    train_entries, val = manifest.split("train"), manifest.split("val")
    truth = torch.from_numpy(images.truth(manifest, val, spec.classes)).to(device)
    held = [torch.from_numpy(part).to(device) for part in images.batches(manifest, val, spec.pixels, options.batch)]
    torch.manual_seed(options.seed)
    net = model.build(spec)
    if start is not None:
        start(net)
    net.train().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    normalize = Deployed(net, spec.pixels).to(device).normalize
    optimizer = build_optimizer(net, Fit(lr=options.lr, head_lr=5, batch=options.batch))
    steps = options.epochs * max(1, len(train_entries) // options.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, steps))
    forward: Any = torch.compile(net) if options.compile else net
    clock = _Clock(device)
    batches = _feed(manifest, spec, options, device)
    timed, timed_seconds, step, reached, when = 0, 0.0, 0, Accuracy(len(val), 0), None
    for _ in range(options.epochs):
        clock.start()
        mark, counted = 0.0, 0
        for pixels, labels in next(batches):
            if step == untimed:
                mark = clock.now()
            x = normalize(pixels).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16):
                logits = forward(x)
            loss = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=0.05)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            counted += len(labels) if step >= untimed else 0
            step += 1
        timed_seconds += clock.stop() - mark if counted else 0
        timed += counted
        net.eval()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            found = torch.cat([net(normalize(part)).argmax(1) for part in held])
        net.train()
        reached = Accuracy(len(val), int((found == truth).sum()))
        if reached.correct >= options.accuracy * reached.n:
            when = clock.total
            break
    speed = timed / timed_seconds if timed_seconds > 0 else None
    flops = None if speed is None else teraflops(model.macs(spec), speed)
    share = flops / peak_tflops if flops is not None and peak_tflops else None
    done = math.ceil(step * options.epochs / steps)
    return Speed(options, speed, flops, share, clock.total, when, reached, done)


class _Clock:
    """Seconds of training, after waiting for the device."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._start, self.total = device, 0.0, 0.0

    def start(self) -> None:
        self._start = time.perf_counter()

    def now(self) -> float:
        """Return the seconds since `start`."""
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - self._start

    def stop(self) -> float:
        """Add the seconds since `start` to the total, and return them."""
        seconds = self.now()
        self.total += seconds
        return seconds


def _feed(
    manifest: Manifest, spec: ModelSpec, options: Options, device: torch.device
) -> Iterator[Iterator[tuple[torch.Tensor, torch.Tensor]]]:
    """Yield the batches of each epoch: uint8 (n, h, w, 3) and class indices (n,), on the device.

    All batches have the same size, so that a network is compiled once; what is left over waits for another epoch.
    """
    import numpy as np
    import torch

    from edgewbc.data import images
    from edgewbc.train import batches
    from edgewbc.train.recipe import Fit

    entries = manifest.split("train")
    labels = images.truth(manifest, entries, spec.classes)
    on_device, size = torch.from_numpy(labels).to(device), min(options.batch, len(entries))
    held = None
    if options.feed == "device":
        parts = images.batches(manifest, entries, spec.pixels, options.batch)
        held = torch.cat([torch.from_numpy(part).to(device) for part in parts])
    random = torch.Generator().manual_seed(options.seed)

    square = spec.pixels.height == spec.pixels.width

    def from_device(held: torch.Tensor, plan: list[Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for rows in plan:
            index = torch.from_numpy(rows).to(device)
            turns, mirrored = torch.randint(0, 4, (2,), generator=random).tolist()
            part = torch.rot90(held[index], turns if square else turns // 2 * 2, (1, 2))
            yield part.flip(2) if mirrored % 2 else part, on_device[index]

    def ahead(plan: list[Any], number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        drawn = batches.augmented(
            manifest, entries, (spec.pixels,), plan, ranges=Fit().augment, seed=(options.seed, number),
            workers=options.workers,
        )  # fmt: skip
        for (part,), rows in drawn:
            pixels = torch.from_numpy(part)
            pixels = pixels.pin_memory() if device.type == "cuda" else pixels
            yield pixels.to(device, non_blocking=True), on_device[torch.from_numpy(rows).to(device)]

    for number in range(options.epochs):
        order = np.random.default_rng((options.seed, number)).permutation(len(entries))
        plan = [order[first : first + size] for first in range(0, len(order) - size + 1, size)]
        yield from_device(held, plan) if held is not None else ahead(plan, number)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("manifest", type=Path, help="manifest with the splits train and val")
    parser.add_argument("--data", choices=[*FEEDS, "both"], default="both", help="how the GPU is fed [default: both]")
    parser.add_argument(
        "--compile", nargs="?", const="yes", default="no", choices=["yes", "no", "both"],
        help="use torch.compile: yes (also without a value), no, or both one after the other [default: no]",
    )  # fmt: skip
    parser.add_argument("--weights", choices=["imagenet", "none"], default="imagenet", help="start weights")
    parser.add_argument("--accuracy", type=float, default=0.99, help="validation accuracy to reach [default: 0.99]")
    parser.add_argument("--epochs", type=int, default=20, help="most epochs [default: 20]")
    parser.add_argument("--batch", type=int, default=128, help="images per step [default: 128]")
    parser.add_argument("--lr", type=float, default=1e-4, help="highest learning rate [default: 1e-4]")
    parser.add_argument("--workers", type=int, default=8, help="decoding threads [default: 8]")
    parser.add_argument("--peak", type=float, help="bf16 peak of the card in TFLOP/s, where its name is not known")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json", help="JSON file to write")
    parser.add_argument("--dry-run", action="store_true", help="try the command on the CPU, without a result")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    given = parser.parse_args(arguments)
    if not 0 < given.accuracy <= 1 or min(given.epochs, given.batch, given.workers) < 1 or given.lr <= 0:
        parser.error("--accuracy is a share of 0 to 1; --epochs, --batch, --workers and --lr are above 0")
    return given


def _run(given: argparse.Namespace) -> None:
    """Measure what the command line asks for, and write the result unless it is a dry run."""
    need_training_side("python -m bench.gpu")
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.spec import ARCHITECTURES, ModelSpec
    from edgewbc.pixels import PixelSpec

    dry = given.dry_run
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(
            "python -m bench.gpu measures one GPU: start it without torchrun; `torchrun --nproc_per_node N "
            "-m edgewbc train` trains on several"
        )
    if not dry and not torch.cuda.is_available():
        raise UserError(
            "python -m bench.gpu needs a CUDA device, and torch finds none here: run it on a GPU box, or try it "
            "with --dry-run"
        )
    manifest = Manifest.read(given.manifest)
    if dry:
        manifest = few(manifest)
    kind, device = ARCHITECTURES["vgg16gap"], torch.device("cpu" if dry else "cuda")
    pixels = PixelSpec(DRY_SIDE, DRY_SIDE) if dry else PixelSpec(SIDE, SIDE, "centre", 250)
    channels, head = (DRY_CHANNELS, ()) if dry else (kind.channels, kind.head)
    spec = ModelSpec("vgg16gap", manifest.classes, pixels, channels, head)
    name = "cpu (dry run)" if dry else torch.cuda.get_device_name(device)
    start = model.load_imagenet_base if given.weights == "imagenet" and not dry else None
    found: list[Speed] = []
    result: dict[str, Any] = {}
    for feed, compiled in product(
        FEEDS if given.data == "both" else (given.data,),
        (False, True) if given.compile == "both" else (given.compile == "yes",),
    ):
        options = Options(feed, given.batch, given.epochs, given.accuracy, given.lr, compiled, given.workers)
        options = replace(options, batch=4, epochs=1, workers=1) if dry else options
        tflops, untimed = given.peak or peak(name), 1 if dry else UNTIMED
        try:
            found.append(train(manifest, spec, options, device, start=start, peak_tflops=tflops, untimed=untimed))
        except torch.OutOfMemoryError:
            fewer = f"try --batch {max(1, options.batch // 2)}, or --data ahead, which keeps no images there"
            raise UserError(f"{name}: batches of {options.batch} do not fit into its memory: {fewer}") from None
        say(str(found[-1]))
        if dry:
            continue
        result = {
            "format": FORMAT, "device": name, "peak_tflops": given.peak or peak(name), "torch": torch.__version__,
            "manifest_sha256": manifest.sha256, "protocol": str(manifest.protocol), "weights": given.weights,
            "macs": model.macs(spec), "trainings": [each.to_json() for each in found],
        }  # fmt: skip
        write_json(given.out, result)  # after each: what was measured is kept if a later one fails
    if dry:
        say("dry run: every step worked; no figure above says anything about a GPU, and nothing was written")
        return
    if given.json:
        emit(result)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = _arguments(arguments)
    return exit_code(lambda: _run(given))


if __name__ == "__main__":
    sys.exit(main())
