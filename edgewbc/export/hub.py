"""A bundle as a folder for a model hub: the bundle's own files, a model card with metadata, and `config.json`.

The folder is still a bundle: edgewbc opens it as it is, signature included. Nothing is uploaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from edgewbc.bundle import archive
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import CARD, SIGNATURE, SUMS
from edgewbc.errors import UserError
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text

README: Final = "README.md"
CONFIG: Final = "config.json"


def write(bundle: Bundle, to: Path, license: str | None = None) -> None:
    """Write the folder: all of it or nothing.

    Args:
        bundle: any bundle; every file is checked.
        to: the new folder.
        license: SPDX identifier of the weights' license, for the metadata; None leaves it out.

    Raises:
        UserError: `to` is not empty, or the bundle is damaged.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    names = bundle.verify()
    with whole_folder(to) as folder:
        for name in names:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bundle.read(name))
        for name in (SUMS, SIGNATURE):
            if (data := archive.read_optional(bundle.path, name)) is not None:
                (folder / name).write_bytes(data)
        write_json(folder / CONFIG, config(bundle))
        write_text(folder / README, readme(bundle, license))


def config(bundle: Bundle) -> dict[str, Any]:
    """Return `config.json`: classes by number, as hubs read them, and what must happen to an image."""
    manifest = bundle.manifest
    return {
        "model_type": "edgewbc",
        "architectures": [manifest.arch or "edgewbc"],
        "id2label": {str(number): name for number, name in enumerate(bundle.classes)},
        "label2id": {name: number for number, name in enumerate(bundle.classes)},
        "pixels": manifest.to_json()["pixels"],
        "input": {"dtype": "uint8", "layout": "NHWC", "color": "RGB", "height": bundle.pixels.height,
                  "width": bundle.pixels.width},
        "files": {p: {b: list(names) for b, names in held.items()} for p, held in manifest.files.items()},
        "default_precision": bundle.default_precision,
    }  # fmt: skip


def readme(bundle: Bundle, license: str | None) -> str:
    """Return the model card with the metadata that hubs read; strings are JSON, which is YAML too."""
    backends = {backend for held in bundle.manifest.files.values() for backend in held}
    tags = ["white-blood-cell", "hematology", "microscopy", *sorted(backends), bundle.default_precision]
    head = ["---", *([f"license: {json.dumps(license.lower())}"] if license else [])]
    head += ["library_name: edgewbc", "pipeline_tag: image-classification", f"tags: {json.dumps(tags)}", "---", ""]
    card = bundle.read(CARD).decode("utf-8") if CARD in bundle.sums else f"# {bundle.name}\n"
    use = (
        "\n## Use from this folder\n\n"
        "    pip install edgewbc\n"
        f"    edgewbc verify {bundle.name}\n"
        f"    edgewbc classify images --model {bundle.name}\n\n"
        f"The folder is a bundle of edgewbc with this card and `{CONFIG}` added. The graphs take uint8 RGB "
        "images, NHWC, that were cropped and resized as `pixels` says; scaling and softmax are part of them.\n"
    )
    return "\n".join(head) + card + use
