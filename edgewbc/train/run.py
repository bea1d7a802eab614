"""`edgewbc train`: from a recipe and a manifest to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

import torch

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train import batch_size, checkpoint, loop, preflight, recipe_file, start_weights, teacher
from edgewbc.train.distributed import locked, new_run, process_state
from edgewbc.train.history import EpochResult, TrainingCallbacks
from edgewbc.train.recipe import ModelRecipe, TrainRecipe
from edgewbc.train.teacher import Teacher, TeacherRecord
from edgewbc.utils.files import read_json, write_json, write_text

RECIPE = runs.RECIPE
STARTED = runs.STARTED


def train(
    options: TrainRecipe,
    manifest: Manifest,
    *,
    teachers: Sequence[Path] = (),
    to: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    **callbacks: Unpack[TrainingCallbacks],
) -> Path:
    """Train a new network and return its run folder.

    Args:
        options: the recipe.
        manifest: images to train and validate on.
        teachers: runs to learn from besides the labels, as `options.distil` says.
        to: the new run folder; None is runs/<name of the recipe>.
        say: receives remarks on the manifest and its images.
        **callbacks: `progress` and `report` of `loop.fit`.

    Raises:
        UserError: `to` exists, the start weights are not available, a teacher is not a run or has other classes, a
            class has no training images, or images cannot be read.
    """
    preflight.check_classes(manifest, say)
    spec = options.model.spec(manifest.classes, start_weights.normalization(options))
    spec = start_weights.with_reference(spec, options, manifest)
    count = len(manifest.split("train"))
    preflight.check_network(spec, min(options.fit.batch or count, count))
    for line in preflight.check_images(manifest).lines(spec.pixels):
        say(line)
    torch.manual_seed(options.fit.seed)
    net = model.build(spec)
    start_weights.load(net, options)
    options = options.model_copy(update={"fit": batch_size.chosen(options.fit, net, spec, count, say)})
    guide = teacher.load(teachers, spec)
    run = new_run(options.name, to)
    with locked(run):
        write_text(run / RECIPE, recipe_file.write(options))
        spec.write(run / model.SPEC)
        StartRecord.of(manifest, teacher_records(guide)).write(run)
        return _fit(run, spec, options, manifest, net, guide, resume=False, **callbacks)


def resume(run: Path, manifest: Manifest, **callbacks: Unpack[TrainingCallbacks]) -> Path:
    """Resume an interrupted training and return its run folder.

    Raises:
        UserError: it is already finished, another process is training it, or it cannot be resumed.
    """
    with locked(run):
        if (run / runs.LINEAGE).exists():
            raise UserError(f"{run}: is already finished; start a new run")
        record = StartRecord.check(run, manifest)
        preflight.check_images(manifest)
        options = recipe_file.read(run / RECIPE, TrainRecipe)
        spec = ModelSpec.read(run / model.SPEC)
        guide = teacher.load(record.teacher_runs(run), spec)
        return _fit(run, spec, options, manifest, model.build(spec), guide, resume=True, **callbacks)


def shaped_like(run: Path, options: TrainRecipe) -> TrainRecipe:
    """Return the recipe with the architecture of another run, such as a pruned one, and random start weights.

    Raises:
        UserError: it is not a run.
    """
    shape = ModelRecipe.of(runs.spec(run))
    return options.model_copy(update={"model": shape, "weights": "none", "weights_scaling": None})


@dataclass(frozen=True)
class StartRecord:
    """`started.json`: what a run depends on, written at its start and checked when it is resumed.

    Attributes:
        manifest_sha256: of the manifest that it is trained on.
        protocol: how the manifest was split.
        teachers: runs that it learns from.
        parent: folder of the run that is pruned; None for a new network.
        parent_sha256: of the parent's weights.
        manifest: folder of the manifest, which may have been moved since; None if it was not read from one.
        files: hashes of recipe and description of the network, by name (`runs.sums`); none in runs of earlier versions.
    """

    manifest_sha256: str
    protocol: str
    teachers: tuple[TeacherRecord, ...] = ()
    parent: str | None = None
    parent_sha256: str | None = None
    manifest: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, manifest: Manifest, teachers: tuple[TeacherRecord, ...] = (), parent: Path | None = None
    ) -> StartRecord:
        """Return the record of a run on a manifest. Raises UserError if `parent` is not a run folder."""
        folder = None if manifest.folder is None else str(manifest.folder.resolve())
        if parent is None:
            return cls(manifest.sha256, manifest.protocol, teachers, manifest=folder)
        digest = teacher.weights_sha256(parent)
        return cls(manifest.sha256, manifest.protocol, teachers, str(parent.resolve()), digest, folder)

    def write(self, run: Path) -> None:
        """Write the record into a run folder, with the hashes of the files that are in it so far."""
        values: dict[str, Any] = {"manifest_sha256": self.manifest_sha256, "protocol": self.protocol}
        if self.parent is not None:
            values |= {"parent": self.parent, "parent_sha256": self.parent_sha256}
        if self.teachers:
            values["teachers"] = [each.to_json() for each in self.teachers]
        if self.manifest is not None:
            values["manifest"] = self.manifest
        if files := runs.sums(run):
            values["files"] = files
        write_json(run / STARTED, values)

    @classmethod
    def read(cls, run: Path) -> StartRecord:
        """Read a run's record. Raises UserError if there is none, or it is damaged."""
        if not run.is_dir():
            raise UserError(f"{run}: no such run folder")
        path = run / STARTED
        values = read_json(path, "the record of how the run was started")
        try:
            values = dict(values)
            teachers = tuple(TeacherRecord(**each) for each in values.pop("teachers", []))
            return cls(**values, teachers=teachers)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: not the record of how the run was started: {error}") from None

    @classmethod
    def check(cls, run: Path, manifest: Manifest) -> StartRecord:
        """Read a run's record, and check its manifest and the files that it was started with.

        Raises:
            UserError: there is no record, it names another manifest, or a file is missing or has changed.
        """
        record = cls.read(run)
        runs.check_sums(run, record.files, "started")
        if record.manifest_sha256 != manifest.sha256:
            where = "" if record.manifest is None else f", {record.manifest}"
            raise UserError(
                f"{run}: was started on another manifest ({record.manifest_sha256[:12]}{where}): name that one, or a "
                "copy of it, with --data"
            )
        return record

    def teacher_runs(self, run: Path) -> list[Path]:
        """Return the folders of the teachers.

        Raises:
            UserError: one is missing or has changed since `run` was started.
        """
        found = []
        for each in self.teachers:
            path = Path(each.path or each.run)
            if not runs.is_run(path) or teacher.weights_sha256(path) != each.sha256:
                raise UserError(f"{path}: a teacher of {run} is missing or has changed: start a new run")
            found.append(path)
        return found


def teacher_records(guide: Teacher | None) -> tuple[TeacherRecord, ...]:
    """Return the records of a teacher's runs; none without a teacher."""
    return () if guide is None else guide.records


def finish(
    run: Path,
    net: Network,
    spec: ModelSpec,
    step: str,
    manifest: Manifest,
    best: EpochResult,
    guide: Teacher | None,
    **facts: Any,
) -> None:
    """Write weights and lineage and remove the checkpoint; of several processes, only the first does.

    Args:
        run: folder of the run.
        net: with its final weights.
        spec: of the network.
        step: of the chain, such as "train".
        manifest: that it was trained on.
        best: result of the epoch that was kept.
        guide: that taught it; None without a teacher. Its runs are recorded without their paths.
        **facts: further entries of the lineage, as JSON types.
    """
    state = process_state()
    if state.is_main_process:
        if guide is not None:
            facts["teachers"] = [each.without_path().to_json() for each in guide.records]
        model.save(run, net, spec)
        runs.write_lineage(
            run, step, manifest_sha256=manifest.sha256, protocol=manifest.protocol,
            source=manifest.provenance.source, validation=best.to_json(), **facts,
        )  # fmt: skip
        (run / checkpoint.NAME).unlink(missing_ok=True)
    state.wait_for_everyone()


def _fit(
    run: Path,
    spec: ModelSpec,
    options: TrainRecipe,
    manifest: Manifest,
    net: Network,
    guide: Teacher | None,
    *,
    resume: bool,
    **callbacks: Unpack[TrainingCallbacks],
) -> Path:
    with runs.resumable(run, "edgewbc train"):
        best = loop.fit(
            net, spec, options.fit, manifest, run, teacher=guide, distil=options.distil, resume=resume, **callbacks
        )
    finish(run, net, spec, "train", manifest, best, guide, recipe=options.model_dump(mode="json"))
    return run
