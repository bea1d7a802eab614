"""Run folders side by side: what each was made from and how good it was on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.train.history import EpochResult, read_metrics
from edgewbc.utils.files import read_json
from edgewbc.utils.text import interval, percent, table


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

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON types."""
        return {
            "run": str(self.run),
            "step": self.step,
            "arch": self.arch,
            "data": self.data,
            "manifest_sha256": self.manifest_sha256,
            "best": None if self.best is None else self.best.to_json(),
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
    started = read_json(run / "started.json", "how a run was started") if (run / "started.json").is_file() else {}
    epochs = read_metrics(run)
    recorded = lineage.validation
    best = max(epochs, key=lambda each: each.rank) if epochs else None
    if "val_interval" in recorded:
        best = EpochResult.from_json(recorded)
    folder = started.get("manifest")
    parent = started.get("parent") or (lineage.ancestors[-1].run if lineage.ancestors else "")
    return RunRow(
        run=run,
        step=lineage.step or "",
        arch=runs.spec(run).arch,
        recipe=_flat(lineage.recipe, ""),
        data=Path(folder).name if folder else lineage.source or "",
        manifest_sha256=str(lineage.manifest_sha256 or started.get("manifest_sha256") or ""),
        best=best,
        epochs=len(epochs),
        minutes=sum(each.seconds for each in epochs) / 60,
        parent=Path(parent).name if parent else "",
        finished=lineage.finished or "",
    )


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
            "" if row.best is None else percent(row.best.val_accuracy),
            "" if row.best is None else f"{row.best.val_n}",
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
    """Return what differs between runs: data, results, and keys of the recipe.

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
    line("validation accuracy", ["-" if r.best is None else percent(r.best.val_accuracy) for r in rows])
    line("95 % interval", ["-" if r.best is None else interval(r.best.val_interval) for r in rows])
    line("correct of n", ["-" if r.best is None else f"{r.best.val_correct} of {r.best.val_n}" for r in rows])
    line("balanced accuracy", ["-" if r.best is None else percent(r.best.val_balanced_accuracy) for r in rows])
    line("validation loss", ["-" if r.best is None else f"{r.best.val_loss:.4f}" for r in rows])
    line("best epoch", ["-" if r.best is None else f"{r.best.epoch} of {r.epochs}" for r in rows])
    line("minutes", [f"{row.minutes:.1f}" for row in rows])
    for key in dict.fromkeys(key for row in rows for key in row.recipe):
        if key != "name":
            line(key, [str(row.recipe.get(key, "-")) for row in rows], always=False)
    found = [table(["", *names], lines, 1)]
    if len({row.manifest_sha256 for row in rows}) > 1:
        found.append("NOTE: the manifests differ: accuracies on different images are not comparable")
    return "\n".join(found)


def _flat(values: Mapping[str, Any], before: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found
