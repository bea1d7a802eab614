"""A label audit as text: what was audited and how, the number of flags by pair of labels, the first cells."""

from __future__ import annotations

from typing import Final

from edgewbc.data.features import FeatureNetwork
from edgewbc.data.label_audit import LabelAudit
from edgewbc.data.label_issues import REPEATS
from edgewbc.pixels import Box
from edgewbc.utils.text import interval, percent, table

SHOWN: Final = 20  # cells in the text; labels.csv has all


def headline(audit: LabelAudit) -> list[str]:
    """Return lines: manifest, features, out-of-fold accuracy, number of flags, and a warning about the features."""
    judged, scored = audit.judgment, audit.judgment.score
    training = audit.network.training
    lines = [
        f"label audit of {len(judged.cells)} cells in {judged.groups} groups, protocol {audit.manifest.protocol}, "
        f"manifest {audit.manifest.sha256[:12]}",
        f"features: {audit.network.name}, {view(audit.network)} ({training.reason}); "
        f"{REPEATS} x {judged.folds} folds by group",
        f"out of fold: {percent(scored.accuracy)} ({interval(scored.interval)}), "
        f"{scored.correct} of {scored.n} as labeled",
        f"flagged: {len(judged.flagged)} ({percent(len(judged.flagged) / len(judged.cells))})",
    ]
    return lines if audit.warning is None else [*lines, f"NOTE: {audit.warning}"]


def text(audit: LabelAudit) -> str:
    """Return the headline, the number of flags by pair of labels, and the first flagged cells."""
    parts = ["\n".join(headline(audit))]
    if pairs := audit.judgment.pairs():
        rows = [[given, suggested, str(n)] for given, suggested, n in pairs]
        parts.append(table(["given", "suggested", "flagged"], rows, 2))
    flagged = audit.judgment.flagged
    rows = [
        [str(c.rank), c.given, c.suggested, f"{c.p_given:.3f}", f"{c.p_suggested:.3f}", c.entry.path + at(c.entry.box)]
        for c in flagged[:SHOWN]
    ]
    if rows:
        # The path is last, so that a long one does not push the other columns aside.
        parts.append(table(["rank", "given", "suggested", "p given", "p sugg.", "cell"], rows, 6))
    if len(flagged) > SHOWN:
        parts[-1] += f"\n... and {len(flagged) - SHOWN} more: labels.csv has all"
    return "\n\n".join(parts)


def view(network: FeatureNetwork) -> str:
    """Return in words which part of the image the network sees, and at which size."""
    pixels = network.spec.pixels
    size = f"{pixels.height} x {pixels.width} pixels"
    crop = {
        "whole": "full images",
        "centre": f"central squares of {pixels.size}",
        "box": f"squares of {pixels.scale:g} boxes",
    }[pixels.crop]
    return f"{crop} at {size}"


def at(box: Box | None) -> str:
    """Return where in the image the cell is; empty if the cell has no box."""
    return "" if box is None else f" at {box[0]:g},{box[1]:g}"
