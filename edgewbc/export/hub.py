"""A bundle as a folder for a model hub: the bundle's own files, a model card with metadata, and `config.json`.

The folder is still a bundle: edgewbc opens it as it is, signature included. With the run that the bundle was made from,
its float network is in `network/` as safetensors, to fine-tune from. Nothing is uploaded.
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
NETWORK: Final = "network"
"""Folder of the float network in safetensors; every command accepts it as a run."""


def write(bundle: Bundle, to: Path, license: str | None = None, run: Path | None = None) -> None:
    """Write the folder: all of it or nothing.

    Args:
        bundle: any bundle; every file is checked.
        to: the new folder.
        license: SPDX identifier of the weights' license, for the metadata; None leaves it out.
        run: run folder that the bundle was made from, whose network is added as safetensors; needs torch. None adds
            none.

    Raises:
        UserError: `to` is not empty, the bundle is damaged, or it was not made from `run`.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    names = bundle.verify()
    if run is not None:
        _check_run(bundle, run)
    with whole_folder(to) as folder:
        for name in names:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bundle.read(name))
        for name in (SUMS, SIGNATURE):
            if (data := archive.read_optional(bundle.path, name)) is not None:
                (folder / name).write_bytes(data)
        write_json(folder / CONFIG, config(bundle))
        write_text(folder / README, readme(bundle, license, network=run is not None))
        if run is not None:
            from edgewbc.export.weights import release

            release(run, folder / NETWORK)


def _check_run(bundle: Bundle, run: Path) -> None:
    """Raise UserError unless the weights of a run are those of one of the steps that a bundle was made by."""
    from edgewbc import runs

    runs.verify(run)
    weights, steps = runs.lineage(run).model_sha256, bundle.manifest.lineage.steps
    if weights is None or weights not in {step.model_sha256 for step in steps}:
        made = ", ".join(f"{step.run or 'its run'} ({step.step})" for step in steps) or "no recorded step"
        raise UserError(
            f"{run}: {bundle.name} was not made from this run, but from {made}: name one of these with --run"
        )


def config(bundle: Bundle) -> dict[str, Any]:
    """Return `config.json`: classes by number, as hubs read them, and what must happen to an image."""
    manifest = bundle.manifest
    return {
        "model_type": "edgewbc",
        "architectures": [manifest.arch or "edgewbc"],
        "id2label": {str(number): name for number, name in enumerate(bundle.classes)},
        "label2id": {name: number for number, name in enumerate(bundle.classes)},
        "pixels": manifest.to_json()["pixels"],
        "views": None if manifest.views is None else manifest.views.to_json(),
        "label_from": str(manifest.label_from),
        "input": {"dtype": "uint8", "layout": "NHWC", "color": "RGB", "height": bundle.pixels.height,
                  "width": bundle.pixels.width},
        "files": {p: {b: list(names) for b, names in held.items()} for p, held in manifest.files.items()},
        "default_precision": bundle.default_precision,
    }  # fmt: skip


def readme(bundle: Bundle, license: str | None, network: bool = False) -> str:
    """Return the model card with the metadata that hubs read; strings are JSON, which is YAML too."""
    formats = {backend for held in bundle.manifest.files.values() for backend in held}
    formats |= {"safetensors"} if network else set()
    tags = ["white-blood-cell", "hematology", "microscopy", *sorted(formats), bundle.default_precision]
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
    if network:
        use += (
            f"\n`{NETWORK}/model.safetensors` is the float network before quantization, as float16, to fine-tune "
            "from:\n\n"
            f"    edgewbc train --weights {bundle.name}/{NETWORK}/model.safetensors\n"
        )
    return "\n".join(head) + card + use
