"""Run folders side by side: what each was made from and how good it was on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.lineage import Lineage
from edgewbc.train.history import EpochResult, read_metrics
from edgewbc.utils.files import read_json
from edgewbc.utils.json_values import values_of
from edgewbc.utils.text import interval, percent, table


@dataclass(frozen=True)
class Result:
    """What was measured on validation: of a training in its best epoch, of a quantization with its saved int8 file.

    Attributes:
        of: what was measured, such as "epoch 3" or "openvino int8".
        n, correct: number of images, and of those with the right class.
        accuracy, interval: `correct / n`, and its Wilson 95 % interval.
        balanced_accuracy: mean recall over the classes.
    """

    of: str
    n: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    balanced_accuracy: float

    @classmethod
    def of_epoch(cls, found: EpochResult) -> Result:
        """Return the result of an epoch."""
        return cls(
            f"epoch {found.epoch}",
            found.val_n,
            found.val_correct,
            found.val_accuracy,
            found.val_interval,
            found.val_balanced_accuracy,
        )

    @classmethod
    def of_quantization(cls, run: Path) -> Result | None:
        """Return that of a quantization's int8 file, OpenVINO's if there is one; None without a measurement.

        Raises:
            UserError: the report of the quantization is damaged.
        """
        file = run / runs.QUANTIZATION
        if not file.is_file():
            return None
        try:
            found = [row for row in read_json(file, "a quantization")["validation"] if row["precision"] == "int8"]
            if not found:
                return None
            row = next((each for each in found if each["backend"] == "openvino"), found[0])
            low, high = row["interval"]
            of, balanced = f"{row['backend']} int8", row["balanced_accuracy"]
            return cls(of, row["n"], row["correct"], row["accuracy"], (low, high), balanced)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{file}: damaged ({error!r}): restore the file or quantize again") from None


@dataclass(frozen=True)
class RunRow:
    """A run.

    Attributes:
        run: its folder.
        step: train, prune or quantize; empty while it is in progress.
        arch: architecture, such as vgg16gap.
        recipe: the resolved recipe, by dotted key.
        data: name of the manifest's folder or source; empty if it was not recorded.
        manifest_sha256: of the manifest.
        best: result of the kept epoch; None if there is none.
        epochs: that were trained.
        minutes: of training, validation included.
        parent: run that it was made from; empty for a new network.
        finished: when it was finished, UTC; empty while it is in progress.
        saved: result of the int8 file that a quantization saved; None for others.
    """

    run: Path
    step: str
    arch: str
    recipe: Mapping[str, Any]
    data: str
    manifest_sha256: str
    best: EpochResult | None
    epochs: int
    minutes: float
    parent: str
    finished: str
    saved: Result | None = None

    @property
    def result(self) -> Result | None:
        """What was measured on validation: the saved file, or else the kept epoch; None if nothing was."""
        return self.saved or (None if self.best is None else Result.of_epoch(self.best))

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON types."""
        return {
            "run": str(self.run),
            "step": self.step,
            "arch": self.arch,
            "data": self.data,
            "manifest_sha256": self.manifest_sha256,
            "best": None if self.best is None else self.best.to_json(),
            "result": None if self.result is None else values_of(self.result),
            "epochs": self.epochs,
            "minutes": round(self.minutes, 2),
            "parent": self.parent,
            "finished": self.finished,
            "recipe": dict(self.recipe),
        }


def read(run: Path) -> RunRow:
    """Read what a run folder records.

    Raises:
        UserError: it is not a run folder, or a file in it is damaged.
    """
    if not (run / runs.SPEC).is_file():
        raise UserError(f"{run}: not a run folder (it has no {runs.SPEC})")
    lineage = runs.lineage(run)
    started = _started(run)
    epochs = read_metrics(run)
    recorded = lineage.validation
    best = max(epochs, key=lambda each: each.rank) if epochs else None
    if "val_interval" in recorded:
        best = EpochResult.from_json(recorded)
    manifest_sha256 = str(lineage.manifest_sha256 or started.get("manifest_sha256") or "")
    parent = started.get("parent") or (lineage.ancestors[-1].run if lineage.ancestors else "")
    return RunRow(
        run=run,
        step=lineage.step or "",
        arch=runs.spec(run).arch,
        recipe=_flat(lineage.recipe, ""),
        data=_data(run, lineage, manifest_sha256),
        manifest_sha256=manifest_sha256,
        best=best,
        epochs=len(epochs),
        minutes=sum(each.seconds for each in epochs) / 60,
        parent=Path(parent).name if parent else "",
        finished=lineage.finished or "",
        saved=Result.of_quantization(run),
    )


def _started(run: Path) -> Mapping[str, Any]:
    """Return the entries of a run's `started.json`; none where it has none, as a quantization."""
    return read_json(run / runs.STARTED, "how a run was started") if (run / runs.STARTED).is_file() else {}


def _data(run: Path, lineage: Lineage, manifest_sha256: str) -> str:
    """Return the name of a run's manifest, also as its parents beside it recorded it; else the source of its images."""
    beside = [run.parent / step.run for step in reversed(lineage.ancestors) if step.run]
    for folder in (run, *beside):
        started = _started(folder)
        if started.get("manifest") and manifest_sha256 in ("", started.get("manifest_sha256")):
            return Path(started["manifest"]).name
    same = (step.source for step in reversed(lineage.steps) if step.manifest_sha256 == manifest_sha256)
    return next((source for source in same if source), "")


def below(root: Path) -> list[RunRow]:
    """Return the runs in a folder, the newest first; runs in progress come before all others."""
    found = [read(path.parent) for path in sorted(root.glob(f"*/{runs.SPEC}"))]
    return sorted(found, key=_when, reverse=True)


def _when(row: RunRow) -> tuple[str, int]:
    """Return when a run was finished, to the second as it says and then as the file does; runs in progress are last."""
    lineage = row.run / runs.LINEAGE
    return row.finished or "~", lineage.stat().st_mtime_ns if lineage.is_file() else 0


def text(rows: Sequence[RunRow]) -> str:
    """Return a table of runs for the terminal."""
    cells = [
        [
            row.run.name,
            row.step or "in progress",
            row.arch,
            row.data,
            "" if row.result is None else percent(row.result.accuracy),
            "" if row.result is None else f"{row.result.n}",
            f"{row.epochs}",
            f"{row.minutes:.1f}",
            row.parent,
            row.finished[:16].replace("T", " "),
        ]
        for row in rows
    ]
    header = ["run", "step", "network", "data", "val. acc.", "n", "epochs", "min", "parent", "finished (UTC)"]
    return table(header, cells, 4)


def compare(rows: Sequence[RunRow]) -> str:
    """Return what differs between runs: data, results, and keys of the recipe of those that were trained.

    Accuracies on different manifests or protocols are not comparable; a note says so.
    """
    names = [str(row.run) for row in rows]
    lines: list[list[str]] = []

    def line(what: str, values: Sequence[str], *, always: bool = True) -> None:
        if always or len(set(values)) > 1:
            lines.append([what, *values])

    line("step", [row.step or "in progress" for row in rows], always=False)
    line("network", [row.arch for row in rows], always=False)
    line("data", [f"{row.data} {row.manifest_sha256[:8]}" for row in rows])
    line("parent", [row.parent or "-" for row in rows], always=False)
    results = [row.result for row in rows]
    line("measured", ["-" if each is None else each.of for each in results], always=False)
    line("validation accuracy", ["-" if each is None else percent(each.accuracy) for each in results])
    line("95 % interval", ["-" if each is None else interval(each.interval) for each in results])
    line("correct of n", ["-" if each is None else f"{each.correct} of {each.n}" for each in results])
    line("balanced accuracy", ["-" if each is None else percent(each.balanced_accuracy) for each in results])
    line("validation loss", ["-" if r.best is None else f"{r.best.val_loss:.4f}" for r in rows])
    line("best epoch", ["-" if r.best is None else f"{r.best.epoch} of {r.epochs}" for r in rows])
    line("minutes", [f"{row.minutes:.1f}" for row in rows])
    for key in dict.fromkeys(key for row in rows for key in row.recipe if key != "name"):
        if len({str(row.recipe.get(key, "-")) for row in rows if row.recipe}) > 1:
            line(key, [str(row.recipe.get(key, "-")) for row in rows])
    found = [table(["", *names], lines, 1)]
    if len({row.manifest_sha256 for row in rows}) > 1:
        found.append("NOTE: the manifests differ: accuracies on different images are not comparable")
    return "\n".join(found)


def _flat(values: Mapping[str, Any], before: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found
