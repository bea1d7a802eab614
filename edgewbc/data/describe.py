"""Summaries of a manifest: as JSON for scripts, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.data.manifest import SPLITS, Manifest
from edgewbc.utils.json_values import values_of
from edgewbc.utils.text import count


@dataclass(frozen=True)
class ManifestSummary:
    """Summary of a manifest.

    Attributes:
        manifest: folder of the manifest.
        manifest_sha256: its hash.
        source, protocol, seed: where its images are from, and how they were split.
        classes: names in the order of the manifest.
        n: number of cells.
        images: number of image files (`pictures` in JSON).
        groups: number of groups, such as slides.
        counts: number of cells by split and class.
        left_out: number of files that were left out, by reason.
    """

    manifest: str
    manifest_sha256: str
    source: str | None
    protocol: str
    seed: int | None
    classes: tuple[str, ...]
    n: int
    images: int
    groups: int
    counts: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        values = values_of(self)
        return {("pictures" if name == "images" else name): value for name, value in values.items()}


def summary(manifest: Manifest, where: Path) -> ManifestSummary:
    """Return the summary of a manifest that was written to `where`."""
    return ManifestSummary(
        manifest=where.as_posix(),
        manifest_sha256=manifest.sha256,
        source=manifest.provenance.source,
        protocol=manifest.protocol,
        seed=manifest.provenance.seed,
        classes=tuple(manifest.classes),
        n=len(manifest.entries),
        images=len({entry.path for entry in manifest.entries}),
        groups=len({entry.group for entry in manifest.entries}),
        counts=manifest.counts(),
        left_out=manifest.provenance.left_out,
    )


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
    lines.append(f"{count(facts.images, 'image')} in {count(facts.groups, 'group')}")
    lines.append(f"{where}: {facts.source}, protocol {facts.protocol}, sha256 {facts.manifest_sha256}")
    return "\n".join(lines)


def left_out(manifest: Manifest) -> list[str]:
    """Return a line for each reason why files were left out."""
    return [f"left out: {n} {'file' if n == 1 else 'files'}: {why}" for why, n in manifest.provenance.left_out.items()]
