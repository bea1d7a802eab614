"""Lower the IR version of a bundle's ONNX files, so that older versions of ONNX Runtime accept them.

`export` writes the lowest IR version of the operator set. Files of earlier releases have the exporter's newest, which
ONNX Runtime refuses if it is older than the version, although it can run every operation in them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.paths import CARD, GOLDEN, MANIFEST
from edgewbc.errors import UserError
from edgewbc.export import golden
from edgewbc.export.bundle_manifest import runtimes_tried
from edgewbc.export.card import card
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.utils.files import atomic_write, parse_json, write_json, write_text
from edgewbc.utils.optional import need


def lower(folder: Path) -> dict[str, str]:
    """Rewrite the IR version of each ONNX file of a bundle, and nothing else in it; renew hashes, card and checksums.

    Predictions for the golden samples must be equal bit for bit. The entry on the oldest runtimes tried is added, also
    if no file has to be changed.

    Returns:
        The new SHA-256 of each file that was changed, by name; empty if all have the lowest version.

    Raises:
        UserError: the bundle is damaged or is a zip, or a prediction differs. Nothing is changed then.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not the folder of a bundle")
    bundle = Bundle.open(folder)
    bundle.verify()
    samples = [sample["file"] for sample in parse_json(bundle.read(GOLDEN))["samples"]]
    images = golden.read(folder, samples, bundle.pixels)
    changed: dict[str, bytes] = {}
    record = bundle.manifest.to_json()
    for precision, backends in bundle.manifest.files.items():
        for name in backends.get("onnx", ()):
            before = bundle.read(name)
            after = with_lowest_version(before)
            if after == before:
                continue
            _check_equal(f"{folder}: {name}", before, after, precision, images)
            changed[name] = after
            record = _with_hash(record, before, after)
    if not changed and "runtimes_tried" in record:
        return {}
    record["runtimes_tried"] = runtimes_tried(bundle.name).to_json()
    text = card(BundleManifest.from_json(record))
    for name, contents in changed.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_bytes(contents)
    write_json(folder / MANIFEST, record)
    write_text(folder / CARD, text)
    seal(folder)
    return {name: hashlib.sha256(contents).hexdigest() for name, contents in changed.items()}


def with_lowest_version(model: bytes) -> bytes:
    """Return an ONNX model with the lowest IR version that its operator sets allow; unchanged if it is that low.

    Raises:
        onnx.checker.ValidationError: it is not valid with that version.
    """
    onnx: Any = need("onnx", "changing an ONNX file")
    proto = onnx.load_model_from_string(model)
    lowest = onnx.helper.find_min_ir_version_for(proto.opset_import)
    if proto.ir_version <= lowest:
        return model
    proto.ir_version = lowest
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _check_equal(label: str, before: bytes, after: bytes, precision: str, images: Any) -> None:
    """Raise UserError if two models differ in any bit of an output, each image (uint8 RGB) being a batch of its own."""
    old, new = (ONNXRuntimePredictor(model, precision=precision, threads=1) for model in (before, after))
    for image in images:
        one, other = old(image[None]), new(image[None])
        if not (
            np.array_equal(one.probabilities, other.probabilities) and np.array_equal(one.features, other.features)
        ):
            raise UserError(f"{label}: predictions differ with a lower IR version")


def _with_hash(record: dict[str, Any], before: bytes, after: bytes) -> dict[str, Any]:
    """Return a manifest in which the accuracy measured for one file's contents belongs to its successor's."""
    old, new = (hashlib.sha256(contents).hexdigest() for contents in (before, after))
    evidence = [row | {"sha256": new} if row["sha256"] == old else row for row in record.get("evidence") or []]
    return record | {"evidence": evidence}
