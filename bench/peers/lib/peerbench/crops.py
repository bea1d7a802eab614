"""The images for all peers: cropped once by the bundle's rule, as lossless PNG files in one folder per class.

The crops are not resized: each peer resizes them with its own code.
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
class CroppedImages:
    """A folder of cropped images.

    Attributes:
        folder: holds SPLIT/CLASS/NAME.png, and `index.json` with [path, label] of each image by split, in the order of
            the manifest.
        entries: of the manifest, by split, in the same order.
    """

    folder: Path
    entries: dict[str, list[Entry]]

    @property
    def sha256(self) -> str:
        """Hash of the index, which identifies the images."""
        return sha256(self.folder / INDEX)


def crop_images(
    manifest: Manifest, spec: PixelSpec, folder: Path, limit: int | None, progress: Progress = quiet
) -> CroppedImages:
    """Crop the images of a manifest into a folder, or reuse the folder if it holds the same images.

    Args:
        manifest: the labeled images.
        spec: of the bundle; its crop rule is used, its input size is not.
        folder: output folder.
        limit: use at most this many images of each split, sampled evenly; None uses all.
        progress: shows the number of finished images.

    Raises:
        UserError: the folder holds other images, or an image is missing or has changed.
    """
    sides = [split for split in SPLITS if any(entry.split == split for entry in manifest.entries)]
    entries: dict[str, list[Entry]] = {split: spread(manifest.split(split), limit) for split in sides}
    wanted: dict[str, Any] = {
        "manifest_sha256": manifest.sha256,
        "crop": {"crop": spec.crop, "size": spec.size, "scale": spec.scale},
        "limit": limit,
    }
    if folder.is_dir():
        found = read_json(folder / INDEX, "the list of cropped images")
        if {name: found.get(name) for name in wanted} != wanted:
            raise UserError(f"{folder}: holds images of another manifest, crop or limit: use another --work")
        return CroppedImages(folder, entries)
    with whole_folder(folder) as temporary:
        listed: dict[str, list[list[str]]] = {}
        for split, chosen in entries.items():
            listed[split] = []
            for number, entry in enumerate(progress(chosen, f"cropping {split}", len(chosen))):
                name = f"{split}/{entry.label}/{number:05d}-{PurePosixPath(entry.path).stem}.png"
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(encode(crop(images.read(manifest, entry), spec, entry), ".png"))
                listed[split].append([name, entry.label])
        write_json(temporary / INDEX, {**wanted, "classes": list(manifest.classes), "pictures": listed})
    return CroppedImages(folder, entries)


@dataclass(frozen=True)
class RawImages:
    """Images prepared by edgewbc for a network, as raw bytes.

    Attributes:
        file: uint8 RGB (n, height, width, 3).
        n, height, width: number and size of the images.
    """

    file: Path
    n: int
    height: int
    width: int

    def to_json(self) -> dict[str, Any]:
        """Return `inputs` as `bench/peers/lib/peerside/peer.py` reads them."""
        return {"file": str(self.file.resolve()), "dtype": "uint8", "shape": [self.n, self.height, self.width, 3]}


def write_raw(manifest: Manifest, cropped: CroppedImages, split: str, spec: PixelSpec, folder: Path) -> RawImages:
    """Write the images of a split as edgewbc prepares them, for networks that edgewbc and a peer both run.

    Raises:
        UserError: an image is missing or has changed.
    """
    return _write(manifest, cropped.entries[split], spec, folder / f"{split}-{_name(cropped, spec)}.u8")


def write_calibration(
    manifest: Manifest, cropped: CroppedImages, spec: PixelSpec, count: int, seed: int, folder: Path
) -> RawImages:
    """Write train images for a calibration, sampled as by `edgewbc quantize`.

    Raises:
        UserError: there are no train images, or one is missing or has changed.
    """
    if not cropped.entries.get("train"):
        raise UserError("the manifest has no train images to calibrate on")
    chosen = balanced(cropped.entries["train"], count, seed)
    return _write(manifest, chosen, spec, folder / f"calibration-{count}-{seed}-{_name(cropped, spec)}.u8")


def _write(manifest: Manifest, entries: list[Entry], spec: PixelSpec, file: Path) -> RawImages:
    raw = RawImages(file, len(entries), spec.height, spec.width)
    if not file.is_file():
        with atomic_write(file) as temporary, temporary.open("wb") as out:
            for batch in images.batches(manifest, entries, spec):
                out.write(batch.tobytes())
    return raw


def _name(cropped: CroppedImages, spec: PixelSpec) -> str:
    digest = hashlib.sha256(repr((cropped.sha256, spec.crop, spec.size, spec.scale)).encode()).hexdigest()
    return f"{spec.height}x{spec.width}-{digest[:12]}"


def crop(image: Image, spec: PixelSpec, entry: Entry) -> Image:
    """Return the part of an image that the crop rule of `spec` selects, not resized: uint8 RGB (height, width, 3)."""
    _, _, width, height = spec.rectangle(image.shape[0], image.shape[1], entry.box)
    return prepare(image, replace(spec, height=int(height), width=int(width)), entry.box)
