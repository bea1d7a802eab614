"""The pictures as every peer is to see them: cropped once by the bundle's rule, as lossless PNGs in a folder a class.

No peer resizes what another has resized before: the crop is cut out, and each resizes it as it would.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from edgewbc.data import images
from edgewbc.data.manifest import SPLITS, Entry, Manifest
from edgewbc.data.sampling import balanced, spread
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.utils.files import atomic_write, read_json, sha256, whole_folder, write_json
from edgewbc.utils.progress import Progress, quiet

INDEX = "index.json"


@dataclass(frozen=True)
class Drawn:
    """Pictures that were drawn.

    Attributes:
        folder: SPLIT/CLASS/NAME.png, and `index.json`: for each split [path, label] of each picture, in the order of
            the manifest.
        entries: of the manifest, by split, in the same order.
    """

    folder: Path
    entries: dict[str, list[Entry]]

    @property
    def sha256(self) -> str:
        """Of the index: names the pictures."""
        return sha256(self.folder / INDEX)


def draw(manifest: Manifest, spec: PixelSpec, folder: Path, limit: int | None, progress: Progress = quiet) -> Drawn:
    """Draw the pictures of a manifest, unless they were drawn before.

    Args:
        spec: of the bundle; its crop is taken, its size is not.
        folder: to hold them.
        limit: at most so many pictures of each split, spread evenly over it; None takes all.

    Raises:
        UserError: others are in the folder, or a picture is gone or has changed.
    """
    sides = [split for split in SPLITS if any(entry.split == split for entry in manifest.entries)]
    entries = {split: spread(manifest.split(split), limit) for split in sides}
    wanted: dict[str, Any] = {
        "manifest_sha256": manifest.sha256,
        "crop": {"crop": spec.crop, "size": spec.size, "scale": spec.scale},
        "limit": limit,
    }
    if folder.is_dir():
        found = read_json(folder / INDEX, "the list of drawn pictures")
        if {name: found.get(name) for name in wanted} != wanted:
            raise UserError(f"{folder}: holds pictures of another manifest, crop or limit: give another --work")
        return Drawn(folder, entries)
    with whole_folder(folder) as temporary:
        listed: dict[str, list[list[str]]] = {}
        for split, chosen in entries.items():
            listed[split] = []
            for number, entry in enumerate(progress(chosen, f"drawing {split}", len(chosen))):
                name = f"{split}/{entry.label}/{number:05d}-{PurePosixPath(entry.path).stem}.png"
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(encode(cut(images.read(manifest, entry), spec, entry), ".png"))
                listed[split].append([name, entry.label])
        write_json(temporary / INDEX, {**wanted, "classes": list(manifest.classes), "pictures": listed})
    return Drawn(folder, entries)


@dataclass(frozen=True)
class Raw:
    """Pictures as the toolkit gives them to a network, as raw bytes.

    Attributes:
        file: uint8 RGB, (n, height, width, 3).
        n, height, width: their number and size.
    """

    file: Path
    n: int
    height: int
    width: int

    def to_dict(self) -> dict[str, Any]:
        """As `bench/peers/lib/peerside/peer.py` reads it."""
        return {"file": str(self.file.resolve()), "dtype": "uint8", "shape": [self.n, self.height, self.width, 3]}


def raw(manifest: Manifest, drawn: Drawn, split: str, spec: PixelSpec, folder: Path) -> Raw:
    """Write a split as the toolkit's own networks of `spec` see it, for networks that both sides run.

    Raises:
        UserError: a picture is gone or has changed.
    """
    return _write(manifest, drawn.entries[split], spec, folder / f"{split}-{_name(drawn, spec)}.u8")


def calibration(manifest: Manifest, drawn: Drawn, spec: PixelSpec, count: int, seed: int, folder: Path) -> Raw:
    """Write train pictures for a calibration, drawn as `edgewbc quantize` draws them.

    Raises:
        UserError: there are no train pictures, or one is gone or has changed.
    """
    if not drawn.entries.get("train"):
        raise UserError("the manifest has no train pictures to calibrate on")
    chosen = balanced(drawn.entries["train"], count, seed)
    return _write(manifest, chosen, spec, folder / f"calibration-{count}-{seed}-{_name(drawn, spec)}.u8")


def _write(manifest: Manifest, entries: list[Entry], spec: PixelSpec, file: Path) -> Raw:
    raw = Raw(file, len(entries), spec.height, spec.width)
    if not file.is_file():
        with atomic_write(file) as temporary, temporary.open("wb") as out:
            for batch in images.batches(manifest, entries, spec):
                out.write(batch.tobytes())
    return raw


def _name(drawn: Drawn, spec: PixelSpec) -> str:
    told = hashlib.sha256(repr((drawn.sha256, spec.crop, spec.size, spec.scale)).encode()).hexdigest()
    return f"{spec.height}x{spec.width}-{told[:12]}"


def cut(picture: Image, spec: PixelSpec, entry: Entry) -> Image:
    """The part of a picture that the network of `spec` sees, not resized: uint8 RGB (height, width, 3)."""
    _, _, width, height = spec.rectangle(picture.shape[0], picture.shape[1], entry.box)
    return prepare(picture, replace(spec, height=int(height), width=int(width)), entry.box)
