"""The label audit of a manifest: rank the labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from edgewbc.data import features, label_issues
from edgewbc.data.audit import audit
from edgewbc.data.features import FeatureNetwork, SawLabels
from edgewbc.data.label_issues import Judged, Judgment
from edgewbc.data.manifest import Manifest
from edgewbc.pixels import Box
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.tables import csv_text

COLUMNS: Final = (
    "path", "box", "split", "group", "given", "suggested", "p_given", "p_suggested", "quality", "flagged", "rank"
)  # fmt: skip
WARNINGS: Final = {
    SawLabels.NO: "",
    SawLabels.YES: "the features were trained on these labels: too few labels are flagged",
    SawLabels.UNKNOWN: "the features may have been trained on these labels: too few labels may be flagged",
}


@dataclass(frozen=True)
class LabelAuditOptions:
    """Options of `run`.

    Attributes:
        center: side of the central square to crop, in pixels, see `features.network`.
        scale: side of the square around a box, as a multiple of its longer side, see `features.network`.
        folds: number of cross-validation folds.
        seed: seed of the folds.
        near: keep near duplicates in one fold too; requires imagehash.
    """

    center: int | None = None
    scale: float | None = None
    folds: int = 5
    seed: int = 0
    near: bool = True


@dataclass(frozen=True)
class LabelAudit:
    """The result of a label audit.

    Attributes:
        manifest: the audited manifest.
        network: the network whose features were used.
        judgment: all cells, ranked.
        copies: number of sets of duplicates that were kept in one fold.
        near_checked: whether near duplicates were searched for.
    """

    manifest: Manifest
    network: FeatureNetwork
    judgment: Judgment
    copies: int
    near_checked: bool

    @property
    def warning(self) -> str | None:
        """Warning about features that were trained on the audited labels; None if there is nothing to warn about."""
        warning = WARNINGS[self.network.training.saw_labels]
        return f"{warning}; use --labels {features.IMAGENET} instead" if warning else None

    def to_csv(self) -> str:
        """Return all cells by rank as CSV with `COLUMNS`; boxes are left, top, width and height in pixels."""
        rows: list[Sequence[object]] = [COLUMNS]
        for c in self.judgment.cells:
            entry = c.entry
            values = (f"{c.p_given:.6f}", f"{c.p_suggested:.6f}", f"{c.quality:.6f}", "yes" if c.flagged else "no")
            names = (c.given, c.suggested)
            rows.append([entry.path, _box(entry.box), entry.split, entry.group, *names, *values, c.rank])
        return csv_text(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the result with the flagged cells only; `to_csv` has all cells."""
        found = self.judgment
        return {
            "manifest_sha256": self.manifest.sha256,
            "protocol": self.manifest.protocol,
            "source": self.manifest.provenance.source,
            "features": {
                "network": self.network.name,
                "arch": self.network.spec.arch,
                "pixels": self.network.spec.pixels.to_dict(),
                "blocks": features.BLOCKS,
                "saw_these_labels": self.network.training.saw_labels,
                "reason": self.network.training.reason,
            },
            "warning": self.warning,
            "near_checked": self.near_checked,
            "copies": self.copies,
            "folds": found.folds,
            "repeats": label_issues.REPEATS,
            "groups": found.groups,
            "penalty": found.strength,
            "out_of_fold": found.score.to_json(),
            "flagged": len(found.flagged),
            "pairs": [{"given": given, "suggested": suggested, "n": n} for given, suggested, n in found.pairs()],
            "ranked": [_row(cell) for cell in found.flagged],
        }


def run(
    manifest: Manifest,
    name: str | Path,
    options: LabelAuditOptions | None = None,
    progress: Progress = quiet,
) -> LabelAudit:
    """Audit the labels of all cells of a manifest, in all splits; labels and splits are not changed.

    Args:
        manifest: the labeled cells.
        name: network whose features are used: a run folder, or `imagenet`.
        options: cropping and cross-validation.
        progress: shows progress.

    Raises:
        UserError: the network is not available, an image cannot be used, the labels cannot be divided into folds, or
            a package is not installed.
    """
    options = options or LabelAuditOptions()
    for module in ("torch", "safetensors", "sklearn", "cleanlab"):
        need(module, label_issues.PURPOSE)
    network = features.network(name, manifest, options.center, options.scale)
    label_issues.check(manifest.entries, manifest.classes, options.folds)  # before the slow part
    checked = audit(manifest, near=options.near, progress=progress)
    checked.check_images()
    rows = features.extract(network, manifest, manifest.entries, progress=progress)
    copies = [duplicate.paths for duplicate in checked.duplicates]
    judgment = label_issues.judge(
        rows, manifest.entries, manifest.classes, copies=copies, folds=options.folds, seed=options.seed
    )
    return LabelAudit(manifest, network, judgment, len(copies), options.near)


def _row(cell: Judged) -> dict[str, Any]:
    """Return a flagged cell as a row of the JSON."""
    values = asdict(cell)
    entry = values.pop("entry")
    del values["flagged"], values["place"]
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
    box = None if entry["box"] is None else list(entry["box"])
    return {"path": entry["path"], "box": box, "split": entry["split"], **rounded}


def _box(box: Box | None) -> str:
    return "" if box is None else " ".join(f"{value:g}" for value in box)
