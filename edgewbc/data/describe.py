"""What a manifest holds, for a person and for a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewbc.data.manifest import SPLITS, Manifest


def summary(manifest: Manifest, where: Path) -> dict[str, Any]:
    """What scripts may want to know of a manifest that was written to `where`."""
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
    """A table of cells by split and class, what was left out, and the manifest's hash."""
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
    lines += [f"left out: {n} pictures: {reason}" for reason, n in facts["left_out"].items()]
    lines.append(f"{facts['pictures']} pictures in {facts['groups']} groups")
    lines.append(f"{where}: {facts['source']}, protocol {facts['protocol']}, sha256 {facts['manifest_sha256']}")
    return "\n".join(lines)
