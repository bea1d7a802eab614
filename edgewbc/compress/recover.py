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


def prune(parent: Path, options: PruneRecipe, manifest: Manifest, *, to: Path | None = None, **watch: Any) -> Path:
    """Prune to `options.keep_macs` of the multiply-adds and fine-tune; gives the new run folder.

    Raises:
        UserError: `parent` is not a run, `to` exists, or so few multiply-adds cannot be reached.
    """
    teacher, spec = model.load(parent)
    gradients = None
    if options.importance == "taylor":
        gradients = taylor_gradients(teacher, spec, manifest, options.pictures, seed=options.fit.seed)
    net, smaller = shrink(
        teacher, spec, options.keep_macs, gradients=gradients, round_to=options.round_to, most=options.most
    )
    run = runs.new(f"{parent.name}-{options.name}", to)
    write_text(run / RECIPE, recipe.write(options))
    smaller.write(run / model.SPEC)
    write_json(run / STARTED, started(manifest, parent=str(parent.resolve()), parent_sha256=_sha(parent)))
    return _recover(run, net, smaller, parent, teacher, spec, options, manifest, resume=False, **watch)


def resume(run: Path, manifest: Manifest, **watch: Any) -> Path:
    """Go on with a recovery that was interrupted.

    Raises:
        UserError: it is finished already, its parent is gone or has changed, or it cannot be resumed.
    """
    if (run / runs.LINEAGE).exists():
        raise UserError(f"{run}: is finished already; start a new run")
    told = check_started(run, manifest)
    parent = Path(told["parent"])
    if not runs.is_run(parent) or _sha(parent) != told["parent_sha256"]:
        raise UserError(f"{parent}: the run that {run} was pruned from is gone or has changed; prune anew")
    teacher, spec = model.load(parent)
    smaller = ModelSpec.read(run / model.SPEC)
    options = recipe.read(run / RECIPE, PruneRecipe)
    return _recover(run, model.build(smaller), smaller, parent, teacher, spec, options, manifest, resume=True, **watch)


def _recover(
    run: Path,
    net: Any,
    smaller: ModelSpec,
    parent: Path,
    teacher: Any,
    spec: ModelSpec,
    options: PruneRecipe,
    manifest: Manifest,
    **watch: Any,
) -> Path:
    best = loop.fit(net, smaller, options.fit, manifest, run, teacher=teacher, distil=options.distil, **watch)
    kept = {"macs": model.macs(smaller) / model.macs(spec), "parameters": model.count(net) / model.count(teacher)}
    finish(run, net, smaller, "prune", manifest, best, parent=parent, kept=kept, recipe=options.model_dump(mode="json"))
    return run


def _sha(run: Path) -> str:
    return sha256(run / model.WEIGHTS)
