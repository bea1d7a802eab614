"""The manifest: which picture, which label, which group, which side of the split; one hash that names all of it.

A folder with `manifest.csv` (path, label, group, split, sha256, box) and `manifest.json` (where from, which protocol,
which seed, citation). Group is the thing that must not stand on two sides: the original picture, slide or patient.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from edgewbc.errors import UserError
from edgewbc.pixels import Box
from edgewbc.utils.files import read_json, sha256, write_json, write_text

SYNTHETIC = "synthetic"
"""The source of pictures that the toolkit drew itself: they check that the chain works, and say nothing of cells."""

FORMAT = 1
COLUMNS = ("path", "label", "group", "split", "sha256", "box")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Entry:
    """One labelled cell.

    Attributes:
        path: of the picture, relative to the manifest's root, with forward slashes.
        label: class name in lower case.
        group: original picture, slide or patient.
        split: train, val or test.
        sha256: of the picture's bytes.
        box: left, top, width, height in pixels, where one picture holds the cell among others.
    """

    path: str
    label: str
    group: str
    split: str
    sha256: str
    box: Box | None = None


@dataclass(frozen=True)
class Provenance:
    """Where a manifest's images came from and how they were divided: what `manifest.json` records.

    Attributes:
        source: name of the data source, such as `folder` or `pbc`; None if it was not recorded.
        seed: seed of the split.
        citation: publication to cite for the images.
        license: license of the images.
        left_out: number of files that were left out, by reason.
        splits: shares of train, val and test, for the protocols that draw the split.
        edgewbc: version that made the manifest.
    """

    source: str | None = None
    seed: int | None = None
    citation: str = ""
    license: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[float, ...] | None = None
    edgewbc: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `manifest.json` holds for it."""
        return {
            "source": self.source,
            "seed": self.seed,
            "citation": self.citation,
            "licence": self.license,
            "left_out": dict(self.left_out),
            "splits": None if self.splits is None else list(self.splits),
            "edgewbc": self.edgewbc,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Provenance:
        """Read what `to_json` wrote; keys that are missing get their default, others are ignored."""
        splits = values.get("splits")
        return cls(
            values.get("source"),
            values.get("seed"),
            str(values.get("citation") or ""),
            str(values.get("licence") or ""),
            dict(values.get("left_out") or {}),
            None if splits is None else tuple(splits),
            str(values.get("edgewbc") or ""),
        )


@dataclass(frozen=True)
class SplitFacts:
    """Identifies the images that a result was measured on."""

    protocol: str
    split: str
    source: str | None
    manifest_sha256: str

    def to_json(self) -> dict[str, str | None]:
        """Return the keys that results share: protocol, split, source and manifest_sha256."""
        return {
            "protocol": self.protocol,
            "split": self.split,
            "source": self.source,
            "manifest_sha256": self.manifest_sha256,
        }


@dataclass(frozen=True)
class Manifest:
    """Labeled cells with their split.

    Attributes:
        root: folder that the entries' paths are relative to.
        entries: one for each cell.
        classes: class names in the order of reports.
        protocol: how the split was made, see `data.splits`.
        provenance: where the images came from.
    """

    root: Path
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    protocol: str
    provenance: Provenance = Provenance()

    @cached_property
    def sha256(self) -> str:
        """Hash of `manifest.csv` as `write` writes it; the same wherever the pictures lie."""
        return hashlib.sha256(self.to_csv().encode()).hexdigest()

    def split(self, name: str) -> list[Entry]:
        """The entries of one side. Raises UserError for an unknown or empty side."""
        if name not in SPLITS:
            raise UserError(f"split {name!r}: use one of {', '.join(SPLITS)}")
        found = [entry for entry in self.entries if entry.split == name]
        if not found:
            raise UserError(f"the manifest ({self.provenance.source}, {self.protocol}) has no {name} pictures")
        return found

    def file(self, entry: Entry) -> Path:
        return self.root / entry.path

    def read_bytes(self, entry: Entry) -> bytes:
        """A picture's bytes, checked against the manifest's hash.

        Raises:
            UserError: the file is gone or has changed.
        """
        path = self.file(entry)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); make the manifest anew") from None
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise UserError(f"{path}: has changed since the manifest was made; make the manifest anew")
        return data

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of cells by split and class."""
        found = Counter((entry.split, entry.label) for entry in self.entries)
        return {s: {c: found[s, c] for c in self.classes} for s in SPLITS if any(found[s, c] for c in self.classes)}

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for e in self.entries:
            box = "" if e.box is None else " ".join(f"{value:g}" for value in e.box)
            writer.writerow([e.path, e.label, e.group, e.split, e.sha256, box])
        return text.getvalue()

    def write(self, folder: Path) -> None:
        """Write `manifest.csv` and `manifest.json` into a folder. Raises UserError if another manifest is there."""
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: is a file, and a manifest is a folder: give another --to")
        old = folder / "manifest.csv"
        if old.exists() and sha256(old) != self.sha256:
            raise UserError(f"{old}: another manifest is here already: give another --to")
        try:
            relative = Path(os.path.relpath(self.root.resolve(), folder.resolve())).as_posix()
        except ValueError:  # another drive on Windows
            relative = None
        write_text(folder / "manifest.csv", self.to_csv())
        write_json(
            folder / "manifest.json",
            {
                "format": FORMAT,
                **self.provenance.to_json(),
                "protocol": self.protocol,
                "classes": list(self.classes),
                "counts": self.counts(),
                "csv_sha256": self.sha256,
                "root": self.root.resolve().as_posix(),
                "root_from_here": relative,
            },
        )

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest from its folder or from either of its files.

        Raises:
            UserError: a file is missing, malformed or changed, or the pictures' folder is gone.
        """
        folder = path if path.is_dir() else path.parent
        if not (folder / "manifest.csv").is_file():
            raise UserError(f"{path}: no manifest here; make one with `edgewbc data manifest SOURCE DIR --to {path}`")
        facts = read_json(folder / "manifest.json", "a manifest's facts (manifest.json)")
        try:
            known = {k: facts.pop(k) for k in ("format", "protocol", "classes", "csv_sha256", "root", "root_from_here")}
            facts.pop("counts", None)
        except (KeyError, AttributeError, TypeError) as error:
            raise UserError(f"{folder / 'manifest.json'}: not a manifest's facts ({error!r}), make it anew") from None
        if known["format"] != FORMAT:
            raise UserError(f"{folder / 'manifest.json'}: format {known['format']}; this edgewbc reads {FORMAT}")
        roots = [Path(known["root"])]
        if known["root_from_here"] is not None:
            roots.append((folder / known["root_from_here"]).resolve())
        root = next((r for r in roots if r.is_dir()), None)
        if root is None:
            raise UserError(f"{roots[0]}: the pictures of {folder} are gone; make the manifest anew where they are now")
        text = (folder / "manifest.csv").read_bytes()
        if hashlib.sha256(text).hexdigest() != known["csv_sha256"]:
            raise UserError(f"{folder / 'manifest.csv'}: changed by hand (not the hash in manifest.json): make it anew")
        entries = tuple(_parse(text.decode(), folder / "manifest.csv"))
        return cls(root, entries, tuple(known["classes"]), known["protocol"], Provenance.from_json(facts))


def _parse(text: str, path: Path) -> Sequence[Entry]:
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise UserError(f"{path}: the first line must be {','.join(COLUMNS)}")
    entries = []
    for row in rows:
        parts = PurePosixPath(row["path"])
        if parts.is_absolute() or ".." in parts.parts:
            raise UserError(f"{path}: line {rows.line_num}: {row['path']} lies outside of the pictures' folder")
        try:
            box = tuple(float(v) for v in row["box"].split())
        except ValueError:
            box = (0.0,)
        if row["split"] not in SPLITS or len(box) not in (0, 4):
            raise UserError(f"{path}: line {rows.line_num}: split {row['split']!r} or box {row['box']!r} is not one")
        entries.append(
            Entry(row["path"], row["label"], row["group"], row["split"], row["sha256"], box if len(box) == 4 else None)
        )
    return entries


def facts(manifest: Manifest, split: str) -> SplitFacts:
    """Return what identifies one split of a manifest in a result."""
    return SplitFacts(manifest.protocol, split, manifest.provenance.source, manifest.sha256)
