"""The label audit of a manifest: features, out-of-fold heads, ranking; its rows and its JSON."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from edgewbc.data import features, label_issues
from edgewbc.data.audit import audit
from edgewbc.data.features import Source
from edgewbc.data.label_issues import Judged, Judgement
from edgewbc.data.manifest import Manifest
from edgewbc.pixels import Box
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

COLUMNS: Final = (
    "path", "box", "split", "group", "given", "suggested", "p_given", "p_suggested", "quality", "flagged", "rank"
)  # fmt: skip
SAW: Final = {
    "no": "",
    "yes": "features saw these labels: flags are too few",
    "unknown": "features may have seen these labels: flags may be too few",
}


@dataclass(frozen=True)
class LabelAudit:
    """What was audited, by which features, and what came of it.

    Attributes:
        copies: sets of pictures that show the same thing and were kept in one fold.
        near_checked: near copies were looked for too.
    """

    manifest: Manifest
    source: Source
    judgement: Judgement
    copies: int
    near_checked: bool

    @property
    def warning(self) -> str | None:
        """What to know of the features before the flags are believed; None if there is nothing."""
        said = SAW[self.source.taught.answer]
        if not said:
            return None
        return f"{said}; --labels {features.IMAGENET} takes features that saw none"

    def to_csv(self) -> str:
        """Every cell, by rank: `COLUMNS`; flagged is yes or no, the box is left, top, width and height in pixels."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for c in self.judgement.cells:
            entry = c.entry
            values = (f"{c.p_given:.6f}", f"{c.p_suggested:.6f}", f"{c.quality:.6f}", "yes" if c.flagged else "no")
            names = (c.given, c.suggested)
            writer.writerow([entry.path, _box(entry.box), entry.split, entry.group, *names, *values, c.rank])
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all but the cells that are not flagged, which are in labels.csv. Paths are the manifest's."""
        found = self.judgement
        return {
            "manifest_sha256": self.manifest.sha256,
            "protocol": self.manifest.protocol,
            "source": self.manifest.provenance.source,
            "features": {
                "network": self.source.name,
                "arch": self.source.spec.arch,
                "pixels": self.source.spec.pixels.to_dict(),
                "blocks": features.BLOCKS,
                "saw_these_labels": self.source.taught.answer,
                "reason": self.source.taught.reason,
            },
            "warning": self.warning,
            "near_checked": self.near_checked,
            "copies": self.copies,
            "folds": found.folds,
            "repeats": label_issues.REPEATS,
            "groups": found.groups,
            "penalty": found.strength,
            "out_of_fold": found.score,
            "flagged": len(found.flagged),
            "pairs": [{"given": given, "suggested": suggested, "n": n} for given, suggested, n in found.pairs()],
            "ranked": [_row(cell) for cell in found.flagged],
        }


def run(
    manifest: Manifest,
    name: str | Path,
    *,
    centre: int | None = None,
    scale: float | None = None,
    folds: int = 5,
    seed: int = 0,
    near: bool = True,
    progress: Progress = quiet,
) -> LabelAudit:
    """Audit the labels of every cell of a manifest, whatever its split. No label and no split is changed.

    Args:
        name: of the network to take features of: a run folder, or `imagenet`.
        centre, scale: how to crop, see `features.source`.
        folds, seed: see `labels.judge`.
        near: keep near copies in one fold too; needs imagehash.

    Raises:
        UserError: the network cannot be had, a picture cannot be used, the labels cannot be divided into folds, or
            something is not installed.
    """
    for module in ("torch", "safetensors", "sklearn", "cleanlab"):
        need(module, label_issues.PURPOSE)
    found = features.source(name, manifest, centre, scale)
    label_issues.check(manifest.entries, manifest.classes, folds)  # before the features, which take their time
    checked = audit(manifest, near=near, progress=progress)
    checked.check_pictures()
    rows = features.extract(found, manifest, manifest.entries, progress=progress)
    copies = [duplicate.paths for duplicate in checked.duplicates]
    judgement = label_issues.judge(rows, manifest.entries, manifest.classes, copies=copies, folds=folds, seed=seed)
    return LabelAudit(manifest, found, judgement, len(copies), near)


def _row(cell: Judged) -> dict[str, Any]:
    values = asdict(cell)
    entry = values.pop("entry")
    del values["flagged"], values["place"]
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
    box = None if entry["box"] is None else list(entry["box"])
    return {"path": entry["path"], "box": box, "split": entry["split"], **rounded}


def _box(box: Box | None) -> str:
    return "" if box is None else " ".join(f"{value:g}" for value in box)
