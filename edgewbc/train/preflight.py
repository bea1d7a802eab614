"""Checks of images and network before a training begins, so that hours of training are not lost to one bad file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

from edgewbc import cells
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec

NAMED = 20
"""Unreadable images that an error message names at most."""


def check_classes(manifest: Manifest, say: Callable[[str], None]) -> None:
    """Check that every class can be learned, and say which cannot be validated.

    Args:
        manifest: to train on.
        say: receives one line if classes have no validation images.

    Raises:
        UserError: there is only one class, a name is not one that a bundle can have, or a class has no training
            images.
    """
    if wrong := cells.problem(manifest.classes):
        raise UserError(f"{wrong}: rename it, and make a new manifest")
    if len(manifest.classes) < 2:
        raise UserError(f"the manifest has one class ({manifest.classes[0]}): a classifier needs two or more")
    counts = manifest.counts()
    if missing := [name for name in manifest.classes if not counts.get("train", {}).get(name)]:
        raise UserError(
            f"no training images of {', '.join(missing)}: add images or leave the class out, and make a new manifest"
        )
    if missing := [name for name in manifest.classes if not counts.get("val", {}).get(name)]:
        say(f"no validation images of {', '.join(missing)}: the validation scores do not cover this")


def check_images(manifest: Manifest, splits: Iterable[str] = ("train", "val")) -> images.Seen:
    """Decode every image of the given splits; return their sizes and the decoder's notes.

    Raises:
        UserError: images are missing, have changed, or cannot be decoded; all are named.
    """
    entries = [entry for split in splits for entry in manifest.split(split)]
    unique = list({entry.path: entry for entry in entries}.values())
    seen = images.Seen()

    def problem(entry: Entry) -> str | None:
        try:
            seen.add(entry.path, decode(manifest.read_bytes(entry)))
        except UserError as error:
            return str(error).partition("; ")[0].removesuffix(": recreate the manifest")
        except ImageError as error:
            return f"{manifest.file(entry)}: {error}"
        return None

    with ThreadPoolExecutor(2) as pool:
        problems = [found for found in pool.map(problem, unique) if found is not None]
    if problems:
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise UserError(
            f"{len(problems)} of {len(unique)} images to train on cannot be read: {'; '.join(problems[:NAMED])}{more}; "
            "remove them and make a new manifest"
        )
    return seen


def check_network(spec: ModelSpec, batch: int) -> None:
    """Check that a network can be computed at its input size, and trained with batches of `batch` images.

    Only shapes are computed.

    Raises:
        UserError: the input is too small for the network, or batch norm cannot normalize the batches.
    """
    height, width = spec.pixels.height, spec.pixels.width
    if min(height, width) < spec.reduction:
        raise UserError(
            f"model.input: {height} x {width} pixels are too small for {spec.arch}, which reduces height and width by "
            f"a factor of {spec.reduction}: set model.input.height and model.input.width to {spec.reduction} or more"
        )
    with torch.device("meta"):
        net = model.build(spec).train()
    try:
        net(torch.zeros(batch, 3, height, width, device="meta"))
    except ValueError:  # of batch norm
        raise UserError(
            f"fit.batch: batch norm cannot normalize a batch of {batch} image of {height} x {width} pixels: "
            "set fit.batch to 2 or more"
        ) from None
