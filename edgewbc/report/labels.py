"""A label audit in words: what was audited and how, how many were flagged and as what, the first ones."""

from __future__ import annotations

from typing import Final

from edgewbc.data.features import FeatureNetwork
from edgewbc.data.label_audit import LabelAudit
from edgewbc.data.label_issues import REPEATS
from edgewbc.pixels import Box
from edgewbc.utils.text import interval, percent, table

SHOWN: Final = 20  # rows in the text; labels.csv has all


def headline(found: LabelAudit) -> list[str]:
    """Lines: manifest, features, accuracy out of fold, number of flags; and what to know of the features."""
    judged, scored = found.judgement, found.judgement.score
    training = found.network.training
    lines = [
        f"label audit of {len(judged.cells)} cells in {judged.groups} groups, protocol {found.manifest.protocol}, "
        f"manifest {found.manifest.sha256[:12]}",
        f"features: {found.network.name}, {view(found.network)} ({training.reason}); "
        f"heads by {REPEATS} x {judged.folds} folds of whole groups",
        f"out of fold: {percent(scored['accuracy'])} ({interval(scored['interval'])}), "
        f"{scored['correct']} of {scored['n']} as labelled",
        f"flagged: {len(judged.flagged)} ({percent(len(judged.flagged) / len(judged.cells))})",
    ]
    return lines if found.warning is None else [*lines, f"NOTE: {found.warning}"]


def text(found: LabelAudit) -> str:
    """For a person: the headline, how many were flagged by pair of labels, the first ones."""
    parts = ["\n".join(headline(found))]
    if pairs := found.judgement.pairs():
        rows = [[given, suggested, str(n)] for given, suggested, n in pairs]
        parts.append(table(["given", "suggested", "flagged"], rows, 2))
    flagged = found.judgement.flagged
    rows = [
        [str(c.rank), c.given, c.suggested, f"{c.p_given:.3f}", f"{c.p_suggested:.3f}", c.entry.path + at(c.entry.box)]
        for c in flagged[:SHOWN]
    ]
    if rows:
        # The path is last, so that a long one does not push the rest aside.
        parts.append(table(["rank", "given", "suggested", "p given", "p sugg.", "cell"], rows, 6))
    if len(flagged) > SHOWN:
        parts[-1] += f"\n... and {len(flagged) - SHOWN} more: labels.csv has all"
    return "\n\n".join(parts)


def view(network: FeatureNetwork) -> str:
    """How the network looks at a cell, in words."""
    pixels = network.spec.pixels
    size = f"{pixels.height} x {pixels.width} pixels"
    crop = {
        "whole": "whole pictures",
        "centre": f"central squares of {pixels.size}",
        "box": f"squares of {pixels.scale:g} boxes",
    }[pixels.crop]
    return f"{crop} at {size}"


def at(box: Box | None) -> str:
    """Which cell of the picture it is; empty where it is the only one."""
    return "" if box is None else f" at {box[0]:g},{box[1]:g}"
