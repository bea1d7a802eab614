"""The training loop, for fine-tuning, for recovery after pruning and for quantization-aware training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils

from edgewbc import metrics, runs
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import batches, checkpoint, frozen_features
from edgewbc.train.checkpoint import TrainingState
from edgewbc.train.distributed import process_state
from edgewbc.train.history import (
    BatchCallback,
    Confusion,
    EpochCallback,
    EpochResult,
    RunCallback,
    best_epoch,
    out_of_patience,
    write_metrics,
)
from edgewbc.train.inputs import FrozenInputs, ImageInputs, Inputs, Normalizer, Plan, Setting, TrainingBatch
from edgewbc.train.losses import LabelLoss
from edgewbc.train.mixing import mix
from edgewbc.train.optimizer import build_optimizer, learning_rate, set_learning_rate
from edgewbc.train.recipe import Distil, Fit
from edgewbc.train.running_statistics import RunningStatistics
from edgewbc.train.teacher import FeatureStudent, Teacher, distillation_loss, feature_loss

_MIXING = 0x6D6978
"""Part of the seed of MixUp and CutMix, so that they are independent of the augmentation."""


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
    opened: RunCallback | None = None,
    progress: BatchCallback | None = None,
    report: EpochCallback | None = None,
) -> EpochResult:
    """Train a network on the train split and leave in it the weights that were best on validation.

    Best is the highest validation accuracy; among equals, the lowest validation loss. The test split is never read.
    Writes `metrics.jsonl` (one line per epoch), `confusion.json` (of the best epoch) and `checkpoint.safetensors` into
    the run folder.

    Args:
        net: on the CPU; it is moved to the device that accelerate chooses, and back at the end.
        spec: of the network.
        options: the `fit` section of a recipe.
        manifest: images to train and validate on.
        run: folder of the run.
        teacher: to learn from besides the labels, as `distil` says.
        distil: the `distil` section of a recipe.
        resume: continue from the run's checkpoint; on a CPU the result is that of an uninterrupted run.
        opened: called at the start.
        progress: called after each batch.
        report: called after each epoch.

    Returns:
        the result of the best epoch.

    Raises:
        UserError: a split is empty, a label is unknown, a checkpoint does not fit, or the loss is not finite.
    """
    trainer = Trainer(net, spec, options, manifest, run, teacher, distil, progress, report)
    if resume:
        trainer.resume()
    if opened is not None:
        opened(run, options.epochs)
    return trainer.train()


class Trainer:
    """One training. `train` runs it: `prepare`, then epochs of `train_epoch`, `validate`, `save`, until `finished`."""

    def __init__(
        self,
        net: Network,
        spec: ModelSpec,
        options: Fit,
        manifest: Manifest,
        run: Path,
        teacher: Teacher | None = None,
        distil: Distil | None = None,
        progress: BatchCallback | None = None,
        report: EpochCallback | None = None,
    ) -> None:
        """Prepare the network and the optimizer. See `fit` for the arguments and errors."""
        if options.cache_frozen and teacher is not None:
            raise UserError("fit.cache_frozen: a teacher needs the images themselves: turn cache_frozen off")
        if teacher is not None and (options.mixup or options.cutmix):
            raise UserError("fit.mixup and fit.cutmix: a teacher predicts images as they are: turn both off")
        train, val = manifest.split("train"), manifest.split("val")
        self.labels = images.truth(manifest, train, spec.classes)
        self.microscopes = images.microscopes(train)
        self.val_labels = images.truth(manifest, val, spec.classes)
        cv2.setNumThreads(1)  # the images of a batch are spread over threads already
        process_state()  # before the Accelerator, which adopts the state that it finds
        self.accelerator = Accelerator()
        process = self.accelerator.process_index, self.accelerator.num_processes
        self.setting = Setting(manifest, train, val, spec, options, self.accelerator.device, process)
        self.net, self.options, self.run = net, options, run
        self.teacher, self.distil = teacher, distil
        mean = self._mean if process[1] > 1 else None
        self.label_loss = LabelLoss(options, self.labels, len(spec.classes), self.accelerator.device, mean)
        self.progress, self.report = progress, report
        _seed(options.seed, *process)
        frozen_features.freeze(net, options.freeze_blocks)
        net.train()
        learns_features = teacher is not None and distil is not None and distil.features
        self.student = FeatureStudent(net, teacher.width) if teacher is not None and learns_features else None
        self.learner: nn.Module = net if self.student is None else self.student
        """The module whose weights are trained and checkpointed."""
        _to_device(self.learner, self.accelerator.device)
        self.optimizer = build_optimizer(net, options, () if self.student is None else self.student.map.parameters())
        self.state = TrainingState(manifest.sha256, spec_sha256=spec.sha256, processes=process[1])
        self.statistics = RunningStatistics(net)
        self.average: swa_utils.AveragedModel | None = None
        if options.average:
            if options.cache_frozen:
                raise UserError("fit.average: is not for cached feature maps: turn cache_frozen off")
            self.average = swa_utils.AveragedModel(net, avg_fn=_moving_average(options.average), use_buffers=True)
        self.best = _copy(net)

    def resume(self) -> None:
        """Restore the run's checkpoint.

        Raises:
            UserError: there is none, it does not fit the network, or it is of another manifest or network, or of
                another number of processes.
        """
        index, count = self.setting.process
        self.best, self.state = checkpoint.load(self.run, self.learner, self.optimizer, self.average)
        before, now = self.state.manifest_sha256, self.setting.manifest.sha256
        if before != now:
            raise UserError(f"{self.run}: was trained on another manifest ({before[:12]}): name that one with --data")
        if self.state.spec_sha256 not in ("", self.setting.spec.sha256):
            file = self.run / runs.SPEC
            raise UserError(f"{file}: damaged or changed since the checkpoint: restore the file or make a new run")
        if self.state.processes not in (0, count):
            raise UserError(f"{self.run}: was trained by {self.state.processes} processes: resume it with as many")
        self.state.processes = count
        if index:  # the checkpoint has the random state of the first process
            _seed(self.options.seed + self.state.epoch + self.state.batch, index, count)

    def train(self) -> EpochResult:
        """Train until `finished`, leave the best weights in the network and return the result of their epoch."""
        self.prepare()
        while not self.finished():
            self.train_epoch()
            self.save()  # before validation: a validation image that cannot be read must not cost an epoch
            result = self.validate()
            if not self.state.lines or result.rank > best_epoch(self.state.lines).rank:
                self.best = _copy(self.evaluated)
                if self.accelerator.is_main_process:
                    self.confusion.write(self.run)
            self.state.finish_epoch(result)
            self.save()
            if self.accelerator.is_main_process:
                write_metrics(self.run, self.state.lines)
                if self.report is not None:
                    self.report(result)
        self.statistics.restore()
        self.net.load_state_dict(self.best)
        self.net.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.net.eval().requires_grad_(True)
        return best_epoch(self.state.lines)

    def prepare(self) -> None:
        """Move everything to the device, and open the source of batches."""
        trained = frozen_features.Tail(self.net, self.options.freeze_blocks) if self.options.cache_frozen else None
        self.predictor: nn.Module = self.evaluated if trained is None else trained
        self.model, self.optimizer = self.accelerator.prepare(trained or self.learner, self.optimizer)
        to_input = Normalizer(self.net, self.setting)
        if self.teacher is not None:
            _to_device(self.teacher, self.accelerator.device)
        self.inputs: Inputs = (
            ImageInputs(self.setting, to_input, self.teacher, self.distil)
            if trained is None
            else FrozenInputs(self.net, self.setting, to_input)
        )
        self._clock = self._saved = time.monotonic()

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and kept: the trained one, or the moving average of its weights."""
        return self.net if self.average is None else self.average.module

    def finished(self) -> bool:
        """Return whether all epochs are done, or the last ones brought no improvement (`fit.patience`)."""
        return self.state.epoch >= self.options.epochs or out_of_patience(self.state.lines, self.options.patience)

    def train_epoch(self) -> None:
        """Train on the batches of the current epoch that are left, with a checkpoint every few minutes."""
        self._clock = time.monotonic()
        number = self.inputs.plan_number(self.state.epoch)
        plan = self.plan(number)
        for batch in self.inputs.training(plan, number, self.state.batch):
            done = self.state.epoch + self.state.batch / len(plan)
            set_learning_rate(self.optimizer, learning_rate(self.options, done))
            self.statistics.before(self.state.epoch * len(plan) + self.state.batch)
            loss = self.train_batch(batch, len(plan))
            self.state.batch += 1
            self.state.loss += loss * len(batch.rows)
            self.state.seen += len(batch.rows)
            if self.progress is not None:
                self.progress(self.state.epoch + 1, self.state.batch, len(plan))
            whole = self.state.batch % self.options.accumulate == 0  # no gradients wait for the next step
            if whole and time.monotonic() - self._saved > 60 * self.options.checkpoint_minutes:
                self.save()

    def train_batch(self, batch: TrainingBatch, batches_of_epoch: int) -> float:
        """Add the gradient of a batch, take a step of the optimizer if it is due, and return the loss.

        A step is due after every `fit.accumulate` batches and after the last batch of the epoch.

        Raises:
            UserError: the loss is not finite.
        """
        loss = self.loss(batch)
        value = float(self._mean(loss.detach()))  # of all processes: they stop together
        if not math.isfinite(value):
            raise UserError(f"{self.run}: the loss is not finite in epoch {self.state.epoch + 1}: try a lower fit.lr")
        count, number = self.options.accumulate, self.state.batch
        first = number - number % count
        if number == first:
            self.optimizer.zero_grad(set_to_none=True)
        due = number + 1 in (first + count, batches_of_epoch)
        with nullcontext() if due else self.accelerator.no_sync(self.model):
            self.accelerator.backward(loss / min(count, batches_of_epoch - first))
        if not due:
            return value
        if self.options.clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        return value

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Return the loss of a batch, (): against the labels, and against the teacher if there is one."""
        target = torch.from_numpy(self.labels[batch.rows]).to(self.accelerator.device)
        process = self.setting.process[0]
        mixed = mix(batch.x, self.options, (self.options.seed, self.state.epoch, self.state.batch, process, _MIXING))
        x = batch.x if mixed is None else mixed.x
        with self.setting.autocast():
            logits, features = (self.model(x), None) if self.student is None else self.model(x)
        loss = self.label_loss(logits.float(), target)
        if mixed is not None:
            other = self.label_loss(logits.float(), target[mixed.partner])
            loss = mixed.share * loss + (1 - mixed.share) * other
        if batch.taught is not None and self.distil is not None:
            soft, weight = self.distil.temperature, self.distil.weight
            loss = distillation_loss(logits.float(), batch.taught.logits, loss, soft, weight)
            if features is not None:
                loss = loss + self.distil.features * feature_loss(features.float(), batch.taught.features)
        return loss

    def validate(self) -> EpochResult:
        """Return the result of the current epoch, measured on all validation images."""
        predicted, loss = self._predict_validation()
        self._count_seconds()
        scores = metrics.score(self.val_labels, predicted, self.setting.spec.classes)
        self.confusion = Confusion(self.state.epoch + 1, self.setting.spec.classes, scores.confusion)
        return EpochResult(
            epoch=self.state.epoch + 1,
            protocol=self.setting.manifest.protocol,
            lr=learning_rate(self.options, self.state.epoch + 1),
            train_loss=self.state.loss / self.state.seen,
            val_loss=loss,
            val_n=scores.n,
            val_correct=scores.correct,
            val_accuracy=metrics.known(scores.accuracy),
            val_interval=metrics.known(scores.interval),
            val_balanced_accuracy=metrics.known(scores.balanced_accuracy),
            seconds=round(self.state.seconds, 1),
        )

    def save(self) -> None:
        """Write a checkpoint; of several processes, only the first does."""
        self._count_seconds()
        if self.accelerator.is_main_process:
            checkpoint.save(self.run, self.learner, self.optimizer, self.best, self.state, self.average)
        self._saved = time.monotonic()

    def plan(self, number: int) -> Plan:
        """Return this process's share of an epoch's batches; every process takes equally many steps.

        Raises:
            UserError: there are fewer batches than processes.
        """
        options, (index, count) = self.options, self.setting.process
        plan = batches.plan(
            self.labels, options.batch, options.balance, options.seed, number, microscopes=self.microscopes
        )
        share = len(plan) // count
        if not share:
            raise UserError(f"{len(plan)} batches are too few for {count} processes: start fewer")
        return plan[index::count][:share]

    def _predict_validation(self) -> tuple[NDArray[np.int64], float]:
        """Return predicted classes (n,) and mean loss of the validation images, gathered from all processes."""
        index, count = self.setting.process
        device, n, size = self.accelerator.device, len(self.val_labels), 2 * self.options.batch
        mine = np.arange(index, n, count)
        predicted = torch.full((n,), -1, dtype=torch.int64, device=device)
        total = torch.zeros((), device=device)
        self._share_buffers()
        self.predictor.eval()
        with torch.inference_mode(), self.setting.autocast():
            for number, x in enumerate(self.inputs.validation(mine, size)):
                rows = mine[number * size :][: len(x)]
                logits = self.predictor(x).float()
                predicted[torch.from_numpy(rows).to(device)] = logits.argmax(1)
                target = torch.from_numpy(self.val_labels[rows]).to(device)
                total += functional.cross_entropy(logits, target, reduction="sum")
        self.predictor.train()
        predicted = self.accelerator.reduce(predicted + 1, "sum") - 1
        return predicted.cpu().numpy(), float(self.accelerator.reduce(total, "sum")) / n

    def _mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value, (), over the processes."""
        if self.accelerator.num_processes == 1:
            return value
        found: Tensor = self.accelerator.reduce(value, "mean")
        return found

    def _share_buffers(self) -> None:
        """Give all processes the statistics of the first one's batches (batch normalization), which are saved."""
        if self.accelerator.num_processes == 1:
            return
        for net in {id(each): each for each in (self.net, self.evaluated)}.values():
            for buffer in net.buffers():
                broadcast(buffer)

    def _count_seconds(self) -> None:
        """Add the time since the last call to the duration of the epoch."""
        now = time.monotonic()
        self.state.seconds += now - self._clock
        self._clock = now


def _seed(seed: int, process: int, processes: int) -> None:
    """Seed torch, for dropout: each process draws its own masks, and a single one those of its seed."""
    torch.manual_seed(seed + process * 1_000_003 if processes > 1 else seed)


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return the recursion of an exponential moving average, which forgets the first steps soon (as in TensorFlow)."""

    def average(old: Tensor, new: Tensor, steps: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return old * now + new * (1 - now) if old.is_floating_point() else new

    return average


def _to_device(module: nn.Module, device: torch.device) -> None:
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _copy(net: nn.Module) -> dict[str, Any]:
    """Return a copy of a network's weights and buffers, by name."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}
