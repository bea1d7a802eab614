"""`edgewbc prune`: prune a run's network, then recover its accuracy by distillation; in one step or in several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.compress.prune import prunable, shrink, taylor_gradients, train_loss
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import checkpoint, loop, recipe
from edgewbc.train import teacher as teaching
from edgewbc.train.recipe import PruneRecipe
from edgewbc.train.run import RECIPE, STARTED, check_started, check_taught, finish, started, taught_by
from edgewbc.utils.files import write_json, write_text

STEPS = "steps"
"""Folder in the run that holds the networks between the steps, numbered from 1."""


def prune(
    parent: Path,
    options: PruneRecipe,
    manifest: Manifest,
    *,
    teacher: Path | Sequence[Path] | None = None,
    to: Path | None = None,
    **watch: Any,
) -> Path:
    """Prune to `options.keep_macs` of the multiply-adds and fine-tune; gives the new run folder.

    With `options.steps` above 1 a little is taken out at a time, in equal shares, with `options.step_epochs` epochs of
    recovery in between.

    Args:
        parent: the run to prune; with `keep_macs` 1 it is only fine-tuned.
        teacher: the run or runs whose answers are learnt; the parent by default. Pruning in steps takes the unpruned
            one. It may be another network, of another input size.

    Raises:
        UserError: `parent` or `teacher` is not a run, they do not fit each other, `to` exists, or so few multiply-adds
            cannot be reached.
    """
    teachers = [parent] if teacher is None else [teacher] if isinstance(teacher, Path) else list(teacher)
    spec = runs.spec(parent)
    teaching.load(teachers, spec)
    first = None
    if options.keep_macs < 1:  # so that a target out of reach leaves no run behind
        first = _shrunk(*prunable(*model.load(parent)), options, manifest, options.keep_macs ** (1 / options.steps))
    run = runs.new(f"{parent.resolve().name}-{options.name}", to)
    write_text(run / RECIPE, recipe.write(options))
    told = {"parent": str(parent.resolve()), "parent_sha256": teaching.digest(parent), **taught_by(teachers)}
    write_json(run / STARTED, started(manifest, **told))
    return _recover(run, parent, teachers, options, manifest, first, **watch)


def resume(run: Path, manifest: Manifest, **watch: Any) -> Path:
    """Go on with a recovery that was interrupted.

    Raises:
        UserError: it is finished already, its parent or teacher is gone or has changed, or it cannot be resumed.
    """
    if (run / runs.LINEAGE).exists():
        raise UserError(f"{run}: is finished already; start a new run")
    told = check_started(run, manifest)
    parent = Path(told["parent"])
    if not runs.is_run(parent) or teaching.digest(parent) != told["parent_sha256"]:
        raise UserError(f"{parent}: the run that {run} was made from is gone or has changed; prune anew")
    teachers = check_taught(run, told)
    return _recover(run, parent, teachers, recipe.read(run / RECIPE, PruneRecipe), manifest, None, **watch)


def _recover(
    run: Path,
    parent: Path,
    teachers: Sequence[Path],
    options: PruneRecipe,
    manifest: Manifest,
    first: tuple[Network, ModelSpec] | None,
    **watch: Any,
) -> Path:
    """All the steps that are still to do, each in its own folder, the last one in the run's."""
    net, spec = model.load(parent)
    whole, parameters = model.macs(spec), model.count(net)
    best: dict[str, Any] = {}
    for step in range(1, options.steps + 1):
        last = step == options.steps
        folder = run if last else run / STEPS / str(step)
        if not last and runs.is_run(folder):
            net, spec = model.load(folder)
            continue
        interrupted = (folder / checkpoint.NAME).is_file()
        if interrupted:
            spec = runs.spec(folder)
            net = model.build(spec)
        elif first is not None:
            net, spec = first
        elif options.keep_macs < 1:
            share = options.keep_macs ** (step / options.steps) * whole / model.macs(spec)
            net, spec = _shrunk(*prunable(net, spec), options, manifest, min(share, 1.0))
        first = None
        folder.mkdir(parents=True, exist_ok=True)
        spec.write(folder / model.SPEC)
        fit = options.fit if last else options.fit.model_copy(update={"epochs": options.step_epochs})
        best = loop.fit(
            net, spec, fit, manifest, folder,
            teacher=teaching.load(teachers, spec), distil=options.distil, resume=interrupted, **watch,
        )  # fmt: skip
        if not last:
            model.save(folder, net, spec)
            (folder / checkpoint.NAME).unlink(missing_ok=True)
    before = dict(runs.lineage(parent).get("kept") or {"macs": 1.0, "parameters": 1.0})
    kept = {
        "macs": before["macs"] * (model.macs(spec) / whole),
        "parameters": before["parameters"] * (model.count(net) / parameters),
    }
    facts = {"kept": kept, **taught_by(teachers, paths=False), "recipe": options.model_dump(mode="json")}
    finish(run, net, spec, "prune", manifest, best, parent=parent, **facts)
    return run


def _shrunk(
    net: Network, spec: ModelSpec, options: PruneRecipe, manifest: Manifest, keep: float
) -> tuple[Network, ModelSpec]:
    """The network with `keep` of its multiply-adds, chosen as the recipe says."""
    seed, count = options.fit.seed, options.pictures
    gradients = loss = None
    if options.importance == "taylor":
        gradients = taylor_gradients(net, spec, manifest, count, seed=seed)
    if options.ranking == "sensitivity":
        loss = train_loss(spec, manifest, count, seed=seed)
    return shrink(
        net, spec, keep,
        gradients=gradients, round_to=options.round_to, most=options.most, ranking=options.ranking, loss=loss,
    )  # fmt: skip
