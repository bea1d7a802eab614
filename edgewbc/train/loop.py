"""The training loop: one function, for fine-tuning and for recovery after pruning (with a teacher)."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgewbc import metrics
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import batches, checkpoint, frozen_features
from edgewbc.train.distil import distillation, feature_loss
from edgewbc.train.distributed import processes
from edgewbc.train.recipe import Distil, Fit
from edgewbc.train.teacher import Answer, Pupil, Teacher
from edgewbc.train.teacher_cache import Answers
from edgewbc.utils.files import write_text

METRICS = "metrics.jsonl"
Progress = Callable[[int, int, int], None]
"""Called with epoch (from 1), batches done and batches of the epoch."""


def fit(
    net: Network,
    spec: ModelSpec,
    options: Fit,
    manifest: Manifest,
    run: Path,
    *,
    teacher: Teacher | None = None,
    distil: Distil | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train `net` on the manifest's train split and leave in it the weights that were best on validation.

    Best is the highest validation accuracy, and of equals the lowest validation loss. The test split is never read.
    Writes `metrics.jsonl` (a line an epoch) and `checkpoint.safetensors` into the run folder.

    Args:
        net: on the CPU; moved to the device that accelerate chooses.
        teacher: whose answers are learnt too, as `distil` says.
        resume: go on from the run's checkpoint; on a CPU with the result of an unbroken run.

    Returns:
        The line of the best epoch.

    Raises:
        UserError: a split is empty, a label is unknown, a checkpoint does not fit, or the loss is not finite.
    """
    train, val = manifest.split("train"), manifest.split("val")
    labels = images.truth(manifest, train, spec.classes)
    val_labels = images.truth(manifest, val, spec.classes)
    cv2.setNumThreads(1)  # the pictures of a batch are spread over threads already
    processes()  # before the accelerator, which takes over what it finds
    accelerator = Accelerator()
    device = accelerator.device
    torch.manual_seed(options.seed)
    frozen_features.freeze(net, options.freeze_blocks)
    # What is trained and checkpointed: with features to learn, the network and a linear map to the teacher's.
    pupil = Pupil(net, teacher.width) if teacher is not None and distil is not None and distil.features else None
    learner: nn.Module = net if pupil is None else pupil
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _optimizer(net, options, pupil)
    state: dict[str, Any] = {"epoch": 0, "batch": 0, "loss": 0.0, "seen": 0, "seconds": 0.0, "lines": []}
    state["manifest_sha256"] = manifest.sha256
    best = {name: value.detach().clone() for name, value in net.state_dict().items()}
    if resume:
        best, state = checkpoint.load(run, learner, optimizer)
        if state["manifest_sha256"] != manifest.sha256:
            raise UserError(f"{run}: was trained on another manifest ({state['manifest_sha256'][:12]}): name that one")
    cached = options.cache_frozen
    trained = frozen_features.Tail(net, options.freeze_blocks) if cached else learner
    model, optimizer = accelerator.prepare(trained, optimizer)
    scale = Deployed(net, spec.pixels).to(device)
    answers: Answers | None = None
    if teacher is not None:
        teacher.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if distil is not None and distil.views:
            told = options.model_dump(mode="json", include={"seed", "batch", "balance", "augment", "precision"})
            answers = Answers(
                teacher,
                told | {"manifest": manifest.sha256, "part": [accelerator.process_index, accelerator.num_processes]},
            )

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16")

    def picture_tensor(prepared: NDArray[np.uint8]) -> Tensor:
        tensor = torch.from_numpy(prepared).to(device)
        return scale.normalise(tensor).contiguous(memory_format=torch.channels_last)

    kept: dict[str, Tensor] = {}
    if cached and teacher is not None:
        raise UserError("fit.cache_frozen: a teacher has to see the pictures themselves: turn it off")
    if cached:
        dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
        for name, entries in (("train", train), ("val", val)):
            kept[name] = frozen_features.maps(
                net, options.freeze_blocks, manifest, entries, spec.pixels, picture_tensor, dtype=dtype
            )

    def drawn(plan: list[NDArray[np.int64]], draw: int) -> Iterator[tuple[Tensor, NDArray[np.int64], Answer | None]]:
        """The batches of an epoch that are still to do: what the trained part takes, indices (n,), what is taught."""
        if cached:
            for rows in plan[state["batch"] :]:
                yield kept["train"][torch.from_numpy(rows)].to(device), rows, None
            return
        known = answers is not None and answers.known(draw)
        sizes = (spec.pixels, *(teacher.views if teacher is not None and not known else ()))
        start = sum(len(rows) for rows in plan[: state["batch"]])
        for prepared, rows in batches.views(
            manifest, train, sizes, plan, ranges=options.augment, seed=(options.seed, draw, accelerator.process_index),
            first=state["batch"], workers=options.workers,
        ):  # fmt: skip
            guide: Answer | None = None
            if answers is not None and known:
                guide = answers.get(start, len(rows)).to(device)
            elif teacher is not None:
                with autocast():
                    guide = teacher.answers([torch.from_numpy(pictures).to(device) for pictures in prepared])
                if answers is not None:
                    answers.add(start, guide)
            start += len(rows)
            yield picture_tensor(prepared[0]), rows, guide
        if answers is not None:
            answers.finish(start)

    def shown(chosen: NDArray[np.int64]) -> Iterator[Tensor]:
        """Validation pictures in batches, as the trained part takes them."""
        size = 2 * options.batch
        if cached:
            for start in range(0, len(chosen), size):
                yield kept["val"][torch.from_numpy(chosen[start : start + size])].to(device)
            return
        for prepared in images.batches(manifest, [val[i] for i in chosen], spec.pixels, size):
            yield picture_tensor(prepared)

    def validate() -> tuple[NDArray[np.int64], float]:
        """Predictions (n,) and mean loss, over the share of this process; all of it where there is one process."""
        mine = np.arange(accelerator.process_index, len(val), accelerator.num_processes)
        predicted = torch.full((len(val),), -1, dtype=torch.int64, device=device)
        total = torch.zeros((), device=device)
        net.eval()
        with torch.inference_mode(), autocast():
            for number, x in enumerate(shown(mine)):
                rows = mine[number * 2 * options.batch :][: len(x)]
                logits = (trained if cached else net)(x).float()
                predicted[torch.from_numpy(rows).to(device)] = logits.argmax(1)
                target = torch.from_numpy(val_labels[rows]).to(device)
                total += functional.cross_entropy(logits, target, reduction="sum")
        net.train()
        predicted = accelerator.reduce(predicted + 1, "sum") - 1
        return predicted.cpu().numpy(), float(accelerator.reduce(total, "sum")) / len(val)

    net.train()
    saved = time.monotonic()
    while state["epoch"] < options.epochs and not _patience_over(state["lines"], options.patience):
        epoch = state["epoch"]
        draw = epoch % distil.views if answers is not None and distil is not None else epoch
        plan = batches.plan(labels, options.batch, options.balance, options.seed, draw)
        each = len(plan) // accelerator.num_processes  # every process must take as many steps
        if not each:
            raise UserError(f"{len(plan)} batches are too few for {accelerator.num_processes} processes: start fewer")
        plan = plan[accelerator.process_index :: accelerator.num_processes][:each]
        started = time.monotonic()
        for x, rows, guide in drawn(plan, draw):
            _set_rate(optimizer, options, epoch + state["batch"] / len(plan))
            y = torch.from_numpy(labels[rows]).to(device)
            with autocast():
                logits, features = (model(x), None) if pupil is None else model(x)
            loss = functional.cross_entropy(logits.float(), y, label_smoothing=options.label_smoothing)
            if guide is not None and distil is not None:
                loss = distillation(logits.float(), guide.logits, loss, distil.temperature, distil.weight)
                if features is not None:
                    loss = loss + distil.features * feature_loss(features.float(), guide.features)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise UserError(f"{run}: the loss is not finite in epoch {epoch + 1}: try a lower fit.lr")
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(loss)
            if options.clip:
                accelerator.clip_grad_norm_(model.parameters(), options.clip)
            optimizer.step()
            state["batch"] += 1
            state["loss"] += value * len(rows)
            state["seen"] += len(rows)
            if progress is not None:
                progress(epoch + 1, state["batch"], len(plan))
            if time.monotonic() - saved > 60 * options.checkpoint_minutes and accelerator.is_main_process:
                held = {**state, "seconds": state["seconds"] + time.monotonic() - started}
                checkpoint.save(run, learner, optimizer, best, held)
                saved = time.monotonic()
        predicted, val_loss = validate()
        seconds = state["seconds"] + time.monotonic() - started
        scores = metrics.score(val_labels, predicted, spec.classes)
        line = {
            "epoch": epoch + 1,
            "protocol": manifest.protocol,
            "lr": _rate(options, epoch + 1),
            "train_loss": state["loss"] / state["seen"],
            "val_loss": val_loss,
            "val_n": scores["n"],
            "val_correct": scores["correct"],
            "val_accuracy": scores["accuracy"],
            "val_interval": scores["interval"],
            "val_balanced_accuracy": scores["balanced_accuracy"],
            "seconds": round(seconds, 1),
        }
        if _better(line, state["lines"]):
            best = {name: value.detach().clone() for name, value in net.state_dict().items()}
        state |= {"epoch": epoch + 1, "batch": 0, "loss": 0.0, "seen": 0, "seconds": 0.0}
        state["lines"] = [*state["lines"], line]
        if accelerator.is_main_process:
            checkpoint.save(run, learner, optimizer, best, state)
            write_text(run / METRICS, "".join(json.dumps(each) + "\n" for each in state["lines"]))
            saved = time.monotonic()
            if report is not None:
                report(line)
    net.load_state_dict(best)
    net.to("cpu", memory_format=torch.contiguous_format).eval().requires_grad_(True)  # type: ignore[call-overload]
    return max(state["lines"], key=_rank)


def _rank(line: dict[str, Any]) -> tuple[float, float]:
    return line["val_accuracy"], -line["val_loss"]


def _better(line: dict[str, Any], before: list[dict[str, Any]]) -> bool:
    return all(_rank(line) > _rank(other) for other in before)


def _patience_over(lines: list[dict[str, Any]], patience: int) -> bool:
    if not patience or not lines:
        return False
    return len(lines) - 1 - max(range(len(lines)), key=lambda i: _rank(lines[i])) >= patience


def _optimizer(net: nn.Module, options: Fit, pupil: Pupil | None = None) -> torch.optim.Optimizer:
    base = [p for p in net.get_submodule("features").parameters() if p.requires_grad]
    head = list(net.get_submodule("head").parameters())
    if pupil is not None:
        head += list(pupil.map.parameters())
    groups = [{"params": base, "factor": 1.0}, {"params": head, "factor": options.head_lr}]
    groups = [group for group in groups if group["params"]]
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, options.lr, momentum=0.9, nesterov=True, weight_decay=options.weight_decay)
    # One kernel for all: with the 44 M weights of VGG16-Flatten a third of a CPU's step goes into the unfused one.
    return torch.optim.AdamW(groups, options.lr, weight_decay=options.weight_decay, fused=True)


def _rate(options: Fit, done: float) -> float:
    """Rate after `done` epochs: linear warm-up, then a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983)."""
    if done < options.warmup:
        return options.lr * (done + 1e-3) / options.warmup
    span = max(1e-9, options.epochs - options.warmup)
    return options.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - options.warmup) / span))))


def _set_rate(optimizer: torch.optim.Optimizer, options: Fit, done: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = _rate(options, done) * group["factor"]
