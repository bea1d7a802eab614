"""Summaries of a manifest: as JSON for scripts, as a table for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewbc.data.manifest import SPLITS, Manifest


def summary(manifest: Manifest, where: Path) -> dict[str, Any]:
    """Return the summary of a manifest that was written to `where`, for `--json`."""
    return {
        "manifest": where.as_posix(),
        "manifest_sha256": manifest.sha256,
        "source": manifest.provenance.source,
        "protocol": manifest.protocol,
        "seed": manifest.provenance.seed,
        "classes": list(manifest.classes),
        "n": len(manifest.entries),
        "pictures": len({entry.path for entry in manifest.entries}),
        "groups": len({entry.group for entry in manifest.entries}),
        "counts": manifest.counts(),
        "left_out": dict(manifest.provenance.left_out),
    }


def text(manifest: Manifest, where: Path) -> str:
    """Return a table of cells by split and class, and the manifest's hash."""
    facts = summary(manifest, where)
    counts = manifest.counts()
    sides = [side for side in SPLITS if side in counts]
    wide = max(len(name) for name in (*manifest.classes, "all"))
    lines = [" " * wide + "".join(f"{side:>8}" for side in (*sides, "all"))]
    for name in manifest.classes:
        row = [counts[side][name] for side in sides]
        lines.append(f"{name:<{wide}}" + "".join(f"{n:>8}" for n in (*row, sum(row))))
    row = [sum(counts[side].values()) for side in sides]
    lines.append(f"{'all':<{wide}}" + "".join(f"{n:>8}" for n in (*row, sum(row))))
    lines.append(f"{facts['pictures']} images in {facts['groups']} groups")
    lines.append(f"{where}: {facts['source']}, protocol {facts['protocol']}, sha256 {facts['manifest_sha256']}")
    return "\n".join(lines)


def left_out(manifest: Manifest) -> list[str]:
    """Return a line for each reason why files were left out."""
    return [f"left out: {n} {'file' if n == 1 else 'files'}: {why}" for why, n in manifest.provenance.left_out.items()]
