"""Rewrite the int8 ONNX files of an existing bundle such that ONNX Runtime runs them as integer operators.

`quantize` writes such files; those of earlier releases dequantize the layers around depthwise convolutions (see
`integer_onnx`). The golden samples get the predictions that are expected of ONNX Runtime, which bundles of earlier
releases do not have.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.paths import CARD, MANIFEST
from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import GateError, UserError
from edgewbc.export import golden, integer_onnx, parity, validation
from edgewbc.export.bundle_manifest import runtimes_tried
from edgewbc.export.card import card
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.predictor import Predictor
from edgewbc.utils.files import atomic_write, write_json, write_text
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

NAME = "onnx int8"


def make_integer(folder: Path, manifest: Manifest, progress: Progress = quiet) -> str | None:
    """Rewrite the int8 ONNX file of a bundle, and renew what the bundle says of it.

    The accuracy in the manifest is measured anew, and `parity.onnx_rewritten` compares the file with the one before on
    all validation images. OpenVINO's files, and what the bundle decides by, stay as they are.

    Args:
        folder: folder of the bundle.
        manifest: manifest that the bundle was measured on.
        progress: reports progress.

    Returns:
        The SHA-256 of the new file; None if the file is of this kind already and has its golden predictions.

    Raises:
        UserError: the bundle is damaged, is a zip, has no int8 ONNX file, or was measured on another manifest.
        GateError: the label of a validation image changes. Nothing is changed then.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not the folder of a bundle")
    bundle = Bundle.open(folder)
    bundle.verify()
    record = bundle.manifest.to_json()
    if (record.get("data") or {}).get("manifest_sha256") != manifest.sha256:
        raise UserError(f"{folder}: was measured on another manifest")
    (name,) = bundle.model_files("onnx", "int8")
    before = bundle.read(name)
    after = fused(before)
    if after == before and "int8" in bundle.manifest.onnx_tolerance:
        return None
    old, new = (hashlib.sha256(contents).hexdigest() for contents in (before, after))
    entries = manifest.split(validation.SPLIT)
    truth = images.truth(manifest, entries, bundle.classes)
    predictors: dict[str, Predictor] = {
        NAME: ONNXRuntimePredictor(after, precision="int8"),
        "before": ONNXRuntimePredictor(before, precision="int8"),
    }
    found = validation.predict(predictors, manifest, entries, bundle.pixels, bundle.manifest.averaged, progress)
    changed = parity.difference(found["before"], found[NAME])
    if not np.array_equal(found["before"].argmax(1), found[NAME].argmax(1)):
        raise GateError(
            f"{folder}: with integer operators {100 * (1 - changed.agreement):.2g} % of the validation images get "
            "another label: nothing was written; quantize the network again"
        )
    data = facts(manifest, validation.SPLIT)
    row = validation.evidence(("int8", "onnx", new), data, truth, found[NAME], bundle.classes).to_json()
    evidence = [row if each["sha256"] == old else each for each in record.get("evidence") or []]
    rewritten: dict[str, Any] = {"from_sha256": old, "split": validation.SPLIT, **changed.to_json()}
    record |= {
        "evidence": evidence,
        "parity": {**(record.get("parity") or {}), "onnx_rewritten": rewritten},
        "golden": _golden(bundle),
        "int8_share": {"onnx": in_onnxruntime(after)},
        "runtimes_tried": runtimes_tried(bundle.name).to_json(),
    }
    text = card(BundleManifest.from_json(record))
    with atomic_write(folder / name) as temporary:
        temporary.write_bytes(after)
    golden.add_onnx(folder, bundle.pixels, {"int8": after})
    write_json(folder / MANIFEST, record)
    write_text(folder / CARD, text)
    seal(folder)
    return new


def _golden(bundle: Bundle) -> dict[str, Any]:
    """Return what the manifest says of the golden samples; what it already says of ONNX Runtime stays."""
    if "int8" in bundle.manifest.onnx_tolerance:
        return dict(bundle.manifest.to_json()["golden"])
    return golden.entry([p for p in bundle.precisions if bundle.holds("openvino", p)], ["int8"]).to_json()


def fused(model: bytes) -> bytes:
    """Return an ONNX model after `integer_onnx.fuse`.

    Raises:
        onnx.checker.ValidationError: the result is not valid ONNX (a bug).
    """
    onnx: Any = need("onnx", "changing an ONNX file")
    proto = integer_onnx.fuse(onnx.load_model_from_string(model))
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))
