"""Audit of a manifest: pictures that cannot be used, duplicates, labels that disagree, and leaks across the split."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgewbc.data.duplicates import CORRELATION, HASH_BITS, Fingerprint, fingerprint, near_duplicates
from edgewbc.data.manifest import SPLITS, Entry, Manifest
from edgewbc.errors import GateError, UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.utils.progress import Progress, quiet

SHOWN = 20  # lines of each kind in the text; the JSON has all


@dataclass(frozen=True)
class Fault:
    """A picture that cannot be used: `missing`, `changed` since the manifest was made, or `unreadable`."""

    path: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Duplicate:
    """Pictures that show the same thing.

    Attributes:
        kind: `exact` (the same bytes) or `near` (the same to the eye).
        paths: of the pictures, in the manifest's order.
        labels, splits: all that the pictures have, without repeats.
        bits, correlation: of a near pair, see `data.duplicates`; None for exact copies.
    """

    kind: str
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    bits: int | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class Leak:
    """Something that stands on more than one side of the split: a `group`, or an `exact` or `near` duplicate."""

    kind: str
    what: str
    splits: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What was found. Duplicates are pictures under different names; boxes of one picture are none of one another."""

    manifest_sha256: str
    protocol: str
    cells: int
    pictures: int
    faults: tuple[Fault, ...]
    duplicates: tuple[Duplicate, ...]
    leaks: tuple[Leak, ...]
    near_checked: bool = True

    @property
    def conflicts(self) -> tuple[Duplicate, ...]:
        """Duplicates with different labels."""
        return tuple(found for found in self.duplicates if len(found.labels) > 1)

    def check(self) -> None:
        """Hold the manifest to it.

        Raises:
            GateError: something stands on more than one side of the split.
            UserError: a picture cannot be used.
        """
        if self.leaks:
            raise GateError(
                f"leak (protocol {self.protocol}): groups or duplicates on more than one side of the split: "
                f"{len(self.leaks)}; take the pictures of one side out, or use the protocol grouped"
            )
        self.check_pictures()

    def check_pictures(self) -> None:
        """Raises UserError if a picture cannot be used."""
        if self.faults:
            first = self.faults[0]
            raise UserError(
                f"{first.path}: {first.reason}; {len(self.faults)} pictures cannot be used: "
                "mend them or take them out, and make the manifest anew"
            )

    def counts(self) -> dict[str, int]:
        """How many there are of each finding."""
        faults = Counter(found.kind for found in self.faults)
        copies = Counter(found.kind for found in self.duplicates)
        leaks = Counter(found.kind for found in self.leaks)
        return {
            **{kind: faults[kind] for kind in ("missing", "changed", "unreadable")},
            **{f"{kind}_duplicates": copies[kind] for kind in ("exact", "near")},
            "conflicting_labels": len(self.conflicts),
            **{f"{kind}_leaks": leaks[kind] for kind in ("group", "exact", "near")},
        }

    def to_dict(self) -> dict[str, Any]:
        """For JSON: everything, with the counts and the thresholds."""
        values = asdict(self)
        thresholds = {"phash_bits": HASH_BITS, "correlation": CORRELATION} if self.near_checked else None
        return {
            **{k: v for k, v in values.items() if k not in ("faults", "duplicates", "leaks")},
            "thresholds": thresholds,
            "counts": self.counts(),
            "leak": bool(self.leaks),
            "faults": values["faults"],
            "duplicates": values["duplicates"],
            "conflicts": [asdict(found) for found in self.conflicts],
            "leaks": values["leaks"],
        }

    def to_text(self) -> str:
        """For a person: a table of counts, then the first findings of each kind."""
        lines = [f"audit of {self.cells} cells in {self.pictures} pictures, protocol {self.protocol}"]
        lines += [f"  {name.replace('_', ' '):<20}{n:>8}" for name, n in self.counts().items()]
        if self.near_checked:
            lines.append(f"  (near: at most {HASH_BITS} of 64 phash bits differ, correlation at least {CORRELATION:g})")
        lines += _section("unusable pictures", [f"{f.kind}: {f.path}: {f.reason}" for f in self.faults])
        lines += _section("duplicates", [f"{_how(d)}: {' = '.join(d.paths)}" for d in self.duplicates])
        disagree = [f"{', '.join(d.labels)}: {' = '.join(d.paths)}" for d in self.conflicts]
        lines += _section("duplicates with different labels", disagree)
        leaks = [f"{leak.kind}: {leak.what}: {', '.join(leak.splits)}" for leak in self.leaks]
        lines += _section("LEAKS: on more than one side", leaks)
        if not self.leaks:
            lines.append("no leak: no group and no duplicate is on two sides")
        return "\n".join(lines)


def _how(found: Duplicate) -> str:
    return found.kind if found.correlation is None else f"near ({found.bits} bits, {found.correlation:.3f})"


def _section(title: str, rows: Sequence[str]) -> list[str]:
    if not rows:
        return []
    more = [f"  ... and {len(rows) - SHOWN} more (--json has all)"] if len(rows) > SHOWN else []
    return [f"{title}:", *(f"  {row}" for row in rows[:SHOWN]), *more]


def audit(manifest: Manifest, near: bool = True, progress: Progress = quiet) -> Audit:
    """Read every picture of a manifest once and check it, alone and against the others.

    Args:
        manifest: to check. Findings are a result, not an error.
        near: look for near duplicates too; needs imagehash.
        progress: to show what is going on.

    Raises:
        UserError: near duplicates are wanted and imagehash is not installed.
    """
    cells: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifest.entries:
        cells[entry.path].append(entry)
    faults: list[Fault] = []
    content: dict[str, str] = {}
    # One for each content, by the first path that has it: exact copies are told by their bytes.
    prints: dict[str, Fingerprint] = {}
    seen: set[str] = set()
    for path, entries in progress(cells.items(), "pictures", len(cells)):
        try:
            data = (manifest.root / path).read_bytes()
        except FileNotFoundError:
            faults.append(Fault(path, "missing", "no such file"))
            continue
        except OSError as error:
            faults.append(Fault(path, "unreadable", error.strerror or "cannot be read"))
            continue
        content[path] = hashlib.sha256(data).hexdigest()
        if content[path] != entries[0].sha256:
            faults.append(Fault(path, "changed", "its bytes are not those of the manifest"))
        try:
            picture = decode(data).image
        except ImageError as error:
            faults.append(Fault(path, "unreadable", str(error)))
            continue
        if near and content[path] not in seen:
            prints[path] = fingerprint(picture)
        seen.add(content[path])
    duplicates = _exact(content, cells) + _near(prints, cells)
    return Audit(
        manifest_sha256=manifest.sha256,
        protocol=manifest.protocol,
        cells=len(manifest.entries),
        pictures=len(cells),
        faults=tuple(faults),
        duplicates=tuple(duplicates),
        leaks=tuple(_leaks(manifest.entries, duplicates)),
        near_checked=near,
    )


def _labels_and_sides(
    paths: Iterable[str], cells: Mapping[str, Sequence[Entry]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    entries = [entry for path in paths for entry in cells[path]]
    return tuple(sorted({entry.label for entry in entries})), _sides(entries)


def _sides(entries: Iterable[Entry]) -> tuple[str, ...]:
    found = {entry.split for entry in entries}
    return tuple(side for side in SPLITS if side in found)


def _exact(content: Mapping[str, str], cells: Mapping[str, Sequence[Entry]]) -> list[Duplicate]:
    by_content: dict[str, list[str]] = defaultdict(list)
    for path, digest in content.items():
        by_content[digest].append(path)
    copies = [tuple(paths) for paths in by_content.values() if len(paths) > 1]
    return [Duplicate("exact", paths, *_labels_and_sides(paths, cells)) for paths in copies]


def _near(prints: Mapping[str, Fingerprint], cells: Mapping[str, Sequence[Entry]]) -> list[Duplicate]:
    names = list(prints)
    found = []
    for pair in near_duplicates(list(prints.values())):
        paths = (names[pair.first], names[pair.second])
        alike = round(pair.correlation, 4)
        found.append(Duplicate("near", paths, *_labels_and_sides(paths, cells), pair.bits, alike))
    return found


def _leaks(entries: Sequence[Entry], duplicates: Sequence[Duplicate]) -> list[Leak]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.group].append(entry)
    leaks = [
        Leak("group", name, _sides(members), tuple(dict.fromkeys(entry.path for entry in members)))
        for name, members in groups.items()
        if len(_sides(members)) > 1
    ]
    leaks += [Leak(d.kind, " = ".join(d.paths), d.splits, d.paths) for d in duplicates if len(d.splits) > 1]
    return leaks
