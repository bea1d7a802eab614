"""`edgewbc train`: from a recipe and a manifest to a run folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import checkpoint, loop, recipe, teacher
from edgewbc.train.distributed import processes
from edgewbc.train.recipe import TrainRecipe
from edgewbc.utils.files import read_json, write_json, write_text

RECIPE = "recipe.yaml"
STARTED = "started.json"


def train(
    options: TrainRecipe,
    manifest: Manifest,
    *,
    teachers: Sequence[Path] = (),
    to: Path | None = None,
    **watch: Any,
) -> Path:
    """Train a new network; gives its run folder. `watch` is `progress` and `report` of `loop.fit`.

    Args:
        teachers: runs whose answers are learnt besides the labels, as `options.distil` says.

    Raises:
        UserError: `to` exists, the start weights cannot be had, a teacher is no run or knows other classes, or the
            manifest does not serve.
    """
    torch.manual_seed(options.fit.seed)
    spec = options.model.spec(manifest.classes, pretrained=options.weights != "none")
    net = model.build(spec)
    if options.weights == "imagenet":
        model.load_imagenet_base(net)
    elif options.weights != "none":
        model.load_base(net, Path(options.weights))
    teacher.load(teachers, spec)
    run = _shared_folder(options.name, to)
    write_text(run / RECIPE, recipe.write(options))
    spec.write(run / model.SPEC)
    write_json(run / STARTED, started(manifest, **taught_by(teachers)))
    return _fit(run, spec, options, manifest, net, teachers, resume=False, **watch)


def resume(run: Path, manifest: Manifest, **watch: Any) -> Path:
    """Go on with a training that was interrupted.

    Raises:
        UserError: it is finished already, or cannot be resumed.
    """
    if (run / runs.LINEAGE).exists():
        raise UserError(f"{run}: is finished already; start a new run")
    options = recipe.read(run / RECIPE, TrainRecipe)
    spec = ModelSpec.read(run / model.SPEC)
    teachers = check_taught(run, check_started(run, manifest))
    return _fit(run, spec, options, manifest, model.build(spec), teachers, resume=True, **watch)


def shaped_like(run: Path, options: TrainRecipe) -> TrainRecipe:
    """The recipe with the network of another run, pruned as it is, to be trained from random weights.

    Raises:
        UserError: it is not a run.
    """
    shape = recipe.Model.of(runs.spec(run))
    return options.model_copy(update={"model": shape, "weights": "none"})


def taught_by(teachers: Sequence[Path], *, paths: bool = True) -> dict[str, Any]:
    """Who teaches, for a record: names and hashes, and paths for a resume. Empty without a teacher."""
    told = [
        {"run": path.resolve().name, "sha256": teacher.digest(path), **({"path": str(path.resolve())} if paths else {})}
        for path in teachers
    ]
    return {"teachers": told} if told else {}


def check_taught(run: Path, told: dict[str, Any]) -> list[Path]:
    """The teachers that a run was started with. Raises UserError if one is gone or has changed."""
    found = []
    for each in told.get("teachers", []):
        path = Path(each["path"])
        if not runs.is_run(path) or teacher.digest(path) != each["sha256"]:
            raise UserError(f"{path}: a teacher of {run} is gone or has changed: start a new run")
        found.append(path)
    return found


def started(manifest: Manifest, **more: Any) -> dict[str, Any]:
    """What a run is told at its start, for a resume to check."""
    return {"manifest_sha256": manifest.sha256, "protocol": manifest.protocol, **more}


def check_started(run: Path, manifest: Manifest) -> dict[str, Any]:
    """What the run was told at its start. Raises UserError if that was another manifest."""
    told = dict(read_json(run / STARTED, "what the run was started with"))
    if told["manifest_sha256"] != manifest.sha256:
        raise UserError(f"{run}: was started on another manifest ({told['manifest_sha256'][:12]}): name it with --data")
    return told


def _fit(
    run: Path,
    spec: ModelSpec,
    options: TrainRecipe,
    manifest: Manifest,
    net: Network,
    teachers: Sequence[Path],
    **watch: Any,
) -> Path:
    guide = teacher.load(teachers, spec)
    best = loop.fit(net, spec, options.fit, manifest, run, teacher=guide, distil=options.distil, **watch)
    facts = {**taught_by(teachers, paths=False), "recipe": options.model_dump(mode="json")}
    finish(run, net, spec, "train", manifest, best, **facts)
    return run


def finish(
    run: Path, net: Any, spec: ModelSpec, step: str, manifest: Manifest, best: dict[str, Any], **facts: Any
) -> None:
    """Write weights and lineage; only one of several processes does, and the others wait for it."""
    state = processes()
    if state.is_main_process:
        _write(run, net, spec, step, manifest, best, **facts)
    state.wait_for_everyone()


def _write(
    run: Path, net: Any, spec: ModelSpec, step: str, manifest: Manifest, best: dict[str, Any], **facts: Any
) -> None:
    model.save(run, net, spec)
    runs.write_lineage(
        run, step, manifest_sha256=manifest.sha256, protocol=manifest.protocol, source=manifest.provenance.source,
        validation=best, **facts,
    )  # fmt: skip
    (run / checkpoint.NAME).unlink(missing_ok=True)


def _shared_folder(name: str, to: Path | None) -> Path:
    """A new run folder; with several processes (accelerate launch), the one that the first of them made."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return runs.new(name, to)
    from accelerate.utils import broadcast_object_list

    state = processes()
    made = [str(runs.new(name, to)) if state.is_main_process else None]
    return Path(str(broadcast_object_list(made)[0]))
