"""Several manifests as one, so that a network learns the cells of several microscopes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgewbc._version import __version__
from edgewbc.cells import in_order
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.errors import UserError


def join(manifests: Sequence[Manifest], train_only: Sequence[str] = ()) -> Manifest:
    """Join manifests. Each cell keeps its split; the microscope of each manifest is named after its source.

    Class names that differ in upper and lower case alone are one class, by the name of the first manifest.

    The first manifest is the one whose profile becomes the reference of a network with the crop `cell`.

    Args:
        manifests: two or more, of different images.
        train_only: sources of which only train and validation images are used, all of them for training, so that
            validation and test stay those of the others. Their test images are left out.

    Raises:
        UserError: there are fewer than two; an image occurs twice, which would count it twice or put it on two sides
            of the split; the images lie on different drives; or a source in `train_only` does not occur.
    """
    if len(manifests) < 2:
        raise UserError("join needs two or more manifests")
    names = _names(manifests)
    if unknown := [name for name in train_only if name not in names]:
        raise UserError(f"train only {unknown[0]!r}: the manifests are {', '.join(names)}")
    try:
        root = Path(os.path.commonpath([each.root.resolve() for each in manifests]))
    except ValueError:
        raise UserError("the images of the manifests are on different drives: copy them to one") from None
    spelling: dict[str, str] = {}
    for label in (label for each in manifests for label in each.classes):
        spelling.setdefault(label.lower(), label)
    entries: list[Entry] = []
    left_out: Counter[str] = Counter()
    for name, each in zip(names, manifests, strict=True):
        below = each.root.resolve().relative_to(root).as_posix()
        for entry in each.entries:
            if name in train_only and entry.split == Split.TEST:
                left_out[f"test image of {name}"] += 1
                continue
            entries.append(
                replace(
                    entry,
                    label=spelling[entry.label.lower()],
                    path=entry.path if below == "." else f"{below}/{entry.path}",
                    group=f"{name}/{entry.group}",
                    split=Split.TRAIN if name in train_only else entry.split,
                    microscope=f"{name}/{entry.microscope}" if entry.microscope else name,
                )
            )
    _require_different(entries)
    classes = in_order([*spelling.values()])
    found = [each.provenance for each in manifests]
    provenance = Provenance(
        source=" + ".join(names),
        citation="; ".join(dict.fromkeys(each.citation for each in found if each.citation)),
        license="; ".join(dict.fromkeys(each.license for each in found if each.license)),
        left_out=dict(left_out),
        edgewbc=__version__,
    )
    return Manifest(root, tuple(entries), tuple(classes), Protocol.JOINED, provenance)


def _names(manifests: Sequence[Manifest]) -> list[str]:
    """Return a name for each manifest: its source, numbered where it occurs several times."""
    sources = [each.provenance.source or "unnamed" for each in manifests]
    return [
        source if sources.count(source) == 1 else f"{source}-{sources[: place + 1].count(source)}"
        for place, source in enumerate(sources)
    ]


def _require_different(entries: Sequence[Entry]) -> None:
    """Raise UserError if a cell of one manifest is in another."""
    seen: dict[tuple[str, object], Entry] = {}
    for entry in entries:
        other = seen.setdefault((entry.sha256, entry.box), entry)
        if other.microscope != entry.microscope:
            raise UserError(f"{entry.path}: the same image as {other.path} of another manifest: leave one of them out")
