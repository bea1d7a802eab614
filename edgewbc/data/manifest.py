"""The manifest: the labeled cells of a data set with their split, identified by one hash.

A manifest is a folder with `manifest.csv` (path, label, group, split, sha256, box) and `manifest.json` (source,
protocol, seed, citation). A group is what must not be divided by the split: an original image, a slide or a patient.
Manifests of several microscopes have a further column that names the microscope.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from edgewbc.errors import UserError
from edgewbc.pixels import Box
from edgewbc.utils.files import read_json, sha256, write_json, write_text
from edgewbc.utils.tables import csv_text

SYNTHETIC = "synthetic"
"""Source of images that the toolkit drew itself. They test the toolkit; accuracy on them says nothing about cells."""

FORMAT = 1
TABLE, DESCRIPTION = "manifest.csv", "manifest.json"
"""Files of a manifest in its folder."""
COLUMNS = ("path", "label", "group", "split", "sha256", "box")
MICROSCOPE = "microscope"
"""Last column of a manifest of several microscopes; others do not have it."""


class Split(StrEnum):
    """The part of a data set that a cell belongs to."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


SPLITS = tuple(Split)


class Protocol(StrEnum):
    """How labeled cells are divided into train, val and test.

    Attributes:
        PUBLISHED: the split that the data set comes with or that its authors published.
        PUBLISHED8: the same, with the images and the split of three further classes.
        OFFICIAL: the folders TRAIN and TEST of a data set; validation is taken from TRAIN by whole groups.
        GROUPED: whole groups (original image, slide or patient), stratified by class: what a lab may rely on.
        POSTER: at random over images, 20 % for test, as on the poster of `bench.poster`; copies of one original
            can be in two splits.
        JOINED: several manifests as one; each keeps its split.
        EXTERNAL: every image is in test, for data sets that are only for evaluation.
    """

    PUBLISHED = "published"
    PUBLISHED8 = "published8"
    OFFICIAL = "official"
    GROUPED = "grouped"
    POSTER = "poster"
    JOINED = "joined"
    EXTERNAL = "external"


@dataclass(frozen=True)
class Entry:
    """One labeled cell.

    Attributes:
        path: image file, relative to the manifest's root, with forward slashes.
        label: class name.
        group: original image, slide or patient.
        split: train, val or test.
        sha256: hash of the image file.
        box: left, top, width and height in pixels, if the image holds other cells too.
        microscope: that took the image, in a manifest of several; otherwise empty.
    """

    path: str
    label: str
    group: str
    split: Split
    sha256: str
    box: Box | None = None
    microscope: str = ""


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
        fold: which part of a cross-validation it is, such as `2 of 5`; None if it is none.
    """

    source: str | None = None
    seed: int | None = None
    citation: str = ""
    license: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[float, ...] | None = None
    edgewbc: str = ""
    fold: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `manifest.json` holds for it."""
        fold = {} if self.fold is None else {"fold": self.fold}
        return fold | {
            "source": self.source,
            "seed": self.seed,
            "citation": self.citation,
            "license": self.license,
            "left_out": dict(self.left_out),
            "splits": None if self.splits is None else list(self.splits),
            "edgewbc": self.edgewbc,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Provenance:
        """Read what `to_json` wrote; keys that are missing get their default, others are ignored.

        The license was called `licence` until 0.1.
        """
        splits = values.get("splits")
        return cls(
            values.get("source"),
            values.get("seed"),
            str(values.get("citation") or ""),
            str(values.get("license") or values.get("licence") or ""),
            dict(values.get("left_out") or {}),
            None if splits is None else tuple(splits),
            str(values.get("edgewbc") or ""),
            values.get("fold"),
        )


@dataclass(frozen=True)
class SplitFacts:
    """Identifies the images that a result was measured on."""

    protocol: Protocol
    split: Split
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

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SplitFacts:
        """Read the keys that `to_json` writes from a result; its other keys are ignored."""
        return cls(Protocol(values["protocol"]), Split(values["split"]), values["source"], values["manifest_sha256"])


@dataclass(frozen=True)
class Manifest:
    """Labeled cells with their split.

    Attributes:
        root: folder that the entries' paths are relative to.
        entries: one for each cell.
        classes: class names in the order of reports.
        protocol: how the split was made.
        provenance: where the images came from.
        folder: folder that it was read from; None if it was not read.
    """

    root: Path
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    protocol: Protocol
    provenance: Provenance = Provenance()
    folder: Path | None = field(default=None, compare=False)

    @cached_property
    def sha256(self) -> str:
        """Hash of `manifest.csv` as `write` writes it; it does not depend on where the images are stored."""
        return hashlib.sha256(self.to_csv().encode()).hexdigest()

    def split(self, name: str) -> list[Entry]:
        """Return the entries of one split. Raises UserError if it is unknown or empty."""
        if name not in SPLITS:
            raise UserError(f"split {name!r}: use one of {', '.join(SPLITS)}")
        found = [entry for entry in self.entries if entry.split == name]
        if not found:
            raise UserError(f"the manifest ({self.provenance.source}, {self.protocol}) has no {name} images")
        return found

    def file(self, entry: Entry) -> Path:
        """Return the path of an entry's image file."""
        return self.root / entry.path

    def read_bytes(self, entry: Entry) -> bytes:
        """Return the bytes of an entry's image file, checked against the manifest's hash.

        Raises:
            UserError: the file is missing or has changed.
        """
        path = self.file(entry)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}): recreate the manifest") from None
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise UserError(f"{path}: changed since the manifest was made: recreate the manifest")
        return data

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of cells by split and class, without empty splits."""
        found = Counter((entry.split, entry.label) for entry in self.entries)
        return {s: {c: found[s, c] for c in self.classes} for s in SPLITS if any(found[s, c] for c in self.classes)}

    def to_csv(self) -> str:
        """Return the text of `manifest.csv`."""
        several = any(e.microscope for e in self.entries)
        rows: list[Sequence[str]] = [[*COLUMNS, MICROSCOPE] if several else COLUMNS]
        for e in self.entries:
            box = "" if e.box is None else " ".join(f"{value:g}" for value in e.box)
            values = [e.path, e.label, e.group, e.split, e.sha256, box]
            rows.append([*values, e.microscope] if several else values)
        return csv_text(rows)

    def write(self, folder: Path) -> None:
        """Write `manifest.csv` and `manifest.json` into a folder. Raises UserError if it holds another manifest."""
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: is a file, but a manifest is a folder: choose another --to")
        old = folder / TABLE
        if old.exists() and sha256(old) != self.sha256:
            raise UserError(f"{old}: this folder already holds another manifest: choose another --to")
        try:
            relative = Path(os.path.relpath(self.root.resolve(), folder.resolve())).as_posix()
        except ValueError:  # another drive on Windows
            relative = None
        write_text(folder / TABLE, self.to_csv())
        write_json(
            folder / DESCRIPTION,
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
            UserError: a file is missing, malformed or changed, or the folder of images does not exist.
        """
        folder = path if path.is_dir() else path.parent
        if not (folder / TABLE).is_file():
            raise UserError(f"{path}: not a manifest: create one with `edgewbc data manifest SOURCE DIR --to {path}`")
        description = folder / DESCRIPTION
        facts = read_json(description, "the description of a manifest")
        try:
            known = {k: facts.pop(k) for k in ("format", "protocol", "classes", "csv_sha256", "root", "root_from_here")}
            facts.pop("counts", None)
        except (KeyError, AttributeError, TypeError) as error:
            raise UserError(f"{description}: not the description of a manifest ({error!r}): recreate it") from None
        if known["format"] != FORMAT:
            raise UserError(f"{description}: format {known['format']}, but this version reads {FORMAT}: update edgewbc")
        try:
            protocol = Protocol(known["protocol"])
        except ValueError:
            raise UserError(f"{description}: unknown protocol {known['protocol']!r}") from None
        roots = [Path(known["root"])]
        if known["root_from_here"] is not None:
            roots.append((folder / known["root_from_here"]).resolve())
        root = next((r for r in roots if r.is_dir()), None)
        if root is None:
            raise UserError(f"{roots[0]}: the images of {folder} are no longer here: recreate the manifest")
        text = (folder / TABLE).read_bytes()
        if hashlib.sha256(text).hexdigest() != known["csv_sha256"]:
            raise UserError(f"{folder / TABLE}: was edited (the hash in manifest.json differs): recreate it")
        try:
            entries = tuple(_parse(text.decode(), folder / TABLE))
        except csv.Error as error:  # an older version left carriage returns bare
            raise UserError(f"{folder / TABLE}: cannot be read as CSV: {error}: recreate it") from None
        return cls(root, entries, tuple(known["classes"]), protocol, Provenance.from_json(facts), folder)


def _parse(text: str, path: Path) -> Sequence[Entry]:
    """Return the entries of a manifest's CSV; `path` names it in errors."""
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) not in (COLUMNS, (*COLUMNS, MICROSCOPE)):
        raise UserError(f"{path}: the first line must be {','.join(COLUMNS)}")
    entries = []
    for row in rows:
        parts = PurePosixPath(row["path"])
        if parts.is_absolute() or ".." in parts.parts:
            raise UserError(f"{path}: line {rows.line_num}: {row['path']} is outside of the folder of images")
        try:
            box = tuple(float(v) for v in row["box"].split())
        except ValueError:
            box = (0.0,)
        if row["split"] not in SPLITS or len(box) not in (0, 4):
            raise UserError(f"{path}: line {rows.line_num}: invalid split {row['split']!r} or box {row['box']!r}")
        entries.append(
            Entry(
                row["path"],
                row["label"],
                row["group"],
                Split(row["split"]),
                row["sha256"],
                box if len(box) == 4 else None,
                row.get(MICROSCOPE) or "",
            )
        )
    return entries


def facts(manifest: Manifest, split: str) -> SplitFacts:
    """Return what identifies one split of a manifest in a result."""
    return SplitFacts(manifest.protocol, Split(split), manifest.provenance.source, manifest.sha256)
