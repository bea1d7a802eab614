"""`edgewbc prune`: prune a run's network and recover its accuracy by distillation, in one step or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Unpack

from edgewbc import runs
from edgewbc.compress.prune import prunable, shrink, taylor_gradients, train_loss
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.lineage import Kept
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import batch_size, checkpoint, loop, preflight, recipe_file
from edgewbc.train import teacher as teaching
from edgewbc.train.distributed import locked
from edgewbc.train.history import EpochResult, TrainingCallbacks
from edgewbc.train.recipe import AUTO, PruneRecipe
from edgewbc.train.run import RECIPE, StartRecord, finish, teacher_records
from edgewbc.train.teacher import Teacher
from edgewbc.utils.files import write_text

STEPS = "steps"
"""Subfolder of a run with the networks of the steps before the last, numbered from 1."""


def prune(
    parent: Path,
    options: PruneRecipe,
    manifest: Manifest,
    *,
    teacher: Path | Sequence[Path] | None = None,
    to: Path | None = None,
    name_by_share: bool = False,
    **callbacks: Unpack[TrainingCallbacks],
) -> Path:
    """Prune to `options.keep_macs` of the multiply-adds, fine-tune, and return the new run folder.

    With `options.steps` above 1, equal shares are pruned in each step, with `options.step_epochs` epochs of recovery
    after each step but the last.

    Args:
        parent: run to prune; with `keep_macs` 1 it is only fine-tuned.
        options: the recipe.
        manifest: images to fine-tune and validate on.
        teacher: run or runs to learn from; None is the parent, unpruned in every step. It may be another network, of
            another input size.
        to: the new run folder; None is runs/<parent>-<name of the recipe>.
        name_by_share: name it runs/<parent>-macs<percent of the multiply-adds that is kept> instead; with several
            steps runs/<parent>-macs-max<percent of the multiply-adds that may be kept>.
        **callbacks: `progress` and `report` of `loop.fit`.

    Raises:
        UserError: `parent` or `teacher` is not a finished run or has changed, they do not fit each other, `to` exists,
            images cannot be read, or the network cannot be pruned that far.
    """
    runs.verify(parent)
    preflight.check_images(manifest)
    teachers = [parent] if teacher is None else [teacher] if isinstance(teacher, Path) else list(teacher)
    guide = teaching.load(teachers, runs.spec(parent))
    if options.fit.batch == AUTO:
        fit = batch_size.chosen(options.fit, *model.load(parent), len(manifest.split("train")), lambda line: None)
        options = options.model_copy(update={"fit": fit})
    first = None
    if options.keep_macs < 1:  # before the run folder is made, so that an unreachable target leaves none behind
        first = _shrunk(*prunable(*model.load(parent)), options, manifest, options.keep_macs ** (1 / options.steps))
    suffix = options.name
    if name_by_share and (first is None or options.steps == 1):
        kept = options.keep_macs if first is None else model.macs(first[1]) / model.macs(runs.spec(parent))
        suffix = f"macs{round(100 * kept)}"
    elif name_by_share:  # what several steps keep is known at their end
        suffix = f"macs-max{round(100 * options.keep_macs)}"
    run = runs.new(f"{parent.resolve().name}-{suffix}", to)
    with locked(run):
        write_text(run / RECIPE, recipe_file.write(options))
        StartRecord.of(manifest, teacher_records(guide), parent).write(run)
        with runs.resumable(run, "edgewbc prune"):
            return _recover(run, parent, guide, options, manifest, first, **callbacks)


def resume(run: Path, manifest: Manifest, **callbacks: Unpack[TrainingCallbacks]) -> Path:
    """Resume an interrupted recovery and return its run folder.

    Raises:
        UserError: it is already finished, another process is training it, its parent or teacher is missing or has
            changed, or it cannot be resumed.
    """
    with locked(run):
        if (run / runs.LINEAGE).exists():
            raise UserError(f"{run}: is already finished; start a new run")
        record = StartRecord.check(run, manifest)
        parent = None if record.parent is None else Path(record.parent)
        if parent is None or not runs.is_run(parent) or teaching.weights_sha256(parent) != record.parent_sha256:
            raise UserError(f"{parent}: the run that {run} was pruned from is missing or has changed; prune again")
        preflight.check_images(manifest)
        guide = teaching.load(record.teacher_runs(run), runs.spec(parent))
        options = recipe_file.read(run / RECIPE, PruneRecipe)
        with runs.resumable(run, "edgewbc prune"):
            return _recover(run, parent, guide, options, manifest, None, **callbacks)


def _recover(
    run: Path,
    parent: Path,
    guide: Teacher | None,
    options: PruneRecipe,
    manifest: Manifest,
    first: tuple[Network, ModelSpec] | None,
    **callbacks: Unpack[TrainingCallbacks],
) -> Path:
    """Run the steps that are left, each in its own folder, the last one in the run's; `first` is the pruned network."""
    net, spec = model.load(parent)
    parent_macs, parent_parameters = model.macs(spec), model.count(net)
    best: EpochResult | None = None
    for step in range(1, options.steps + 1):
        last = step == options.steps
        folder = run if last else run / STEPS / str(step)
        if not last and (folder / runs.LINEAGE).is_file():
            runs.verify(folder)
            net, spec = model.load(folder)
            continue
        interrupted = (folder / checkpoint.NAME).is_file()
        if interrupted:
            spec = runs.spec(folder)
            net = model.build(spec)
        elif first is not None:
            net, spec = first
        elif options.keep_macs < 1:
            share = options.keep_macs ** (step / options.steps) * parent_macs / model.macs(spec)
            net, spec = _shrunk(*prunable(net, spec), options, manifest, min(share, 1.0))
        first = None
        folder.mkdir(parents=True, exist_ok=True)
        spec.write(folder / model.SPEC)
        fit = options.fit if last else options.fit.model_copy(update={"epochs": options.step_epochs})
        best = loop.fit(
            net, spec, fit, manifest, folder,
            teacher=guide, distil=options.distil, resume=interrupted, **callbacks,
        )  # fmt: skip
        if not last:
            model.save(folder, net, spec)
            runs.write_lineage(folder, "prune step", parent=parent)
            (folder / checkpoint.NAME).unlink(missing_ok=True)
    if best is None:
        raise RuntimeError(f"{run}: no step of the pruning was left to do")
    before = runs.lineage(parent).kept
    kept = Kept(
        before.macs * (model.macs(spec) / parent_macs), before.parameters * (model.count(net) / parent_parameters)
    )
    facts = {"kept": asdict(kept), "recipe": options.model_dump(mode="json")}
    finish(run, net, spec, "prune", manifest, best, guide, parent=parent, **facts)
    return run


def _shrunk(
    net: Network, spec: ModelSpec, options: PruneRecipe, manifest: Manifest, keep: float
) -> tuple[Network, ModelSpec]:
    """Return the network pruned to the share `keep` of its multiply-adds, as the recipe says."""
    seed, count = options.fit.seed, options.images
    gradients = loss = None
    if options.importance == "taylor":
        gradients = taylor_gradients(net, spec, manifest, count, seed=seed)
    if options.ranking == "sensitivity":
        loss = train_loss(spec, manifest, count, seed=seed)
    return shrink(
        net, spec, keep,
        gradients=gradients, round_to=options.round_to, most=options.most, ranking=options.ranking, loss=loss,
    )  # fmt: skip
