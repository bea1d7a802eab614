"""`edgewbc prune`: prune a run's network, then recover its accuracy by distillation from the unpruned one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.compress.prune import shrink, taylor_gradients
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.files import sha256, write_json, write_text
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import loop, recipe
from edgewbc.train.recipe import PruneRecipe
from edgewbc.train.run import RECIPE, STARTED, check_started, finish, started


def prune(
    parent: Path,
    options: PruneRecipe,
    manifest: Manifest,
    *,
    teacher: Path | None = None,
    to: Path | None = None,
    **watch: Any,
) -> Path:
    """Prune to `options.keep_macs` of the multiply-adds and fine-tune; gives the new run folder.

    Args:
        parent: the run to prune; with `keep_macs` 1 it is only fine-tuned.
        teacher: the run whose logits are learnt; the parent by default. Pruning in steps takes the unpruned one.

    Raises:
        UserError: `parent` or `teacher` is not a run, they do not fit each other, `to` exists, or so few multiply-adds
            cannot be reached.
    """
    teacher = teacher or parent
    before, spec = model.load(parent)
    _check_teacher(spec, teacher)
    net, smaller = before, spec
    if options.keep_macs < 1:
        gradients = None
        if options.importance == "taylor":
            gradients = taylor_gradients(before, spec, manifest, options.pictures, seed=options.fit.seed)
        net, smaller = shrink(
            before, spec, options.keep_macs, gradients=gradients, round_to=options.round_to, most=options.most
        )
    run = runs.new(f"{parent.name}-{options.name}", to)
    write_text(run / RECIPE, recipe.write(options))
    smaller.write(run / model.SPEC)
    paths = {"parent": str(parent.resolve()), "teacher": str(teacher.resolve())}
    write_json(run / STARTED, started(manifest, **paths, parent_sha256=_sha(parent), teacher_sha256=_sha(teacher)))
    return _recover(run, net, smaller, parent, teacher, options, manifest, resume=False, **watch)


def resume(run: Path, manifest: Manifest, **watch: Any) -> Path:
    """Go on with a recovery that was interrupted.

    Raises:
        UserError: it is finished already, its parent or teacher is gone or has changed, or it cannot be resumed.
    """
    if (run / runs.LINEAGE).exists():
        raise UserError(f"{run}: is finished already; start a new run")
    told = check_started(run, manifest)
    parent, teacher = Path(told["parent"]), Path(told["teacher"])
    for path, digest in ((parent, told["parent_sha256"]), (teacher, told["teacher_sha256"])):
        if not runs.is_run(path) or _sha(path) != digest:
            raise UserError(f"{path}: a run that {run} was made from is gone or has changed; prune anew")
    smaller = ModelSpec.read(run / model.SPEC)
    options = recipe.read(run / RECIPE, PruneRecipe)
    return _recover(run, model.build(smaller), smaller, parent, teacher, options, manifest, resume=True, **watch)


def _recover(
    run: Path,
    net: Any,
    smaller: ModelSpec,
    parent: Path,
    teacher: Path,
    options: PruneRecipe,
    manifest: Manifest,
    **watch: Any,
) -> Path:
    guide, whole = model.load(teacher)
    best = loop.fit(net, smaller, options.fit, manifest, run, teacher=guide, distil=options.distil, **watch)
    kept = {"macs": model.macs(smaller) / model.macs(whole), "parameters": model.count(net) / model.count(guide)}
    facts = {"kept": kept, "teacher_sha256": _sha(teacher), "recipe": options.model_dump(mode="json")}
    finish(run, net, smaller, "prune", manifest, best, parent=parent, **facts)
    return run


def _check_teacher(spec: ModelSpec, teacher: Path) -> None:
    """Raises UserError unless the teacher sees the same input and knows the same classes."""
    theirs = runs.spec(teacher)
    if theirs.classes != spec.classes or theirs.pixels != spec.pixels:
        raise UserError(f"{teacher}: has other classes or another input than the run to prune: it cannot teach it")


def _sha(run: Path) -> str:
    return sha256(run / model.WEIGHTS)
