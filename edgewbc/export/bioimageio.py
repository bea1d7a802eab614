"""A bundle as a model of the BioImage Model Zoo: `rdf.yaml` (model description 0.5.5), ONNX, and test tensors.

The description follows the model specification of bioimageio.spec. The test output is what ONNX Runtime gives for the
test input, and must agree with the bundle's golden sample before anything is written.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import CARD, FAMILIARITY
from edgewbc.errors import GateError, UserError
from edgewbc.export.client import CLIENT, ClientDescription
from edgewbc.runtime import trial
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.optional import need

FORMAT: Final = "0.5.5"
RDF: Final = "rdf.yaml"
README: Final = "README.md"
MODEL: Final = "model.onnx"
_LOOSEST: Final = 0.009
"""Largest absolute tolerance as a share of a test tensor's maximum; the specification allows less than 0.01."""


def write(bundle: Bundle, to: Path, license: str | None = None, precision: str | None = None) -> None:
    """Write the folder: all of it or nothing.

    Args:
        bundle: a bundle with ONNX files.
        to: the new folder.
        license: SPDX identifier of the weights' license; None leaves it out.
        precision: of the model; None takes the bundle's default.

    Raises:
        UserError: `to` is not empty, the bundle is damaged or has no ONNX model of that precision, or ONNX Runtime or
            PyYAML is not installed.
        GateError: the model does not give what the bundle's golden samples expect.
    """
    yaml: Any = need("yaml", "export --as bioimageio")
    onnx: Any = need("onnx", "export --as bioimageio")
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    model = trial.read_model(bundle, "onnx", precision or bundle.default_precision)
    golden = GoldenSamples.from_bundle(bundle)
    predictor = ONNXRuntimePredictor(model.contents[0], precision=model.precision, threads=1)
    check = golden.check(predictor, model.precision)
    if not check.ok:
        raise GateError(
            f"{model.label}: differs from its golden samples ({'; '.join(check.faults)}): export the run again"
        )
    image = golden.images[:1]
    outputs = run(model.contents[0], image)
    opset = next(entry.version for entry in onnx.load_from_string(model.contents[0]).opset_import if not entry.domain)
    files = {MODEL: model.contents[0], "test_input.npy": _npy(image)}
    files |= {f"test_{name}.npy": _npy(values) for name, values in outputs.items()}
    described, info = ClientDescription.of(bundle, model.precision), bundle.manifest.familiarity
    if info is not None:
        files[FAMILIARITY] = bundle.read(info.file)
    with whole_folder(to) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        write_json(folder / CLIENT, described.to_json())
        files[CLIENT] = (folder / CLIENT).read_bytes()
        write_text(folder / README, readme(bundle, described))
        found = rdf(bundle, model.precision, files, outputs, opset, license)
        write_text(folder / RDF, yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110))


def run(model: bytes, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return the outputs of an ONNX model in ONNX Runtime, by name, in the order of the file."""
    runtime: Any = need("onnxruntime", "export --as bioimageio")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: image}), strict=True))


def rdf(
    bundle: Bundle,
    precision: str,
    files: dict[str, bytes],
    outputs: dict[str, NDArray[Any]],
    opset: int,
    license: str | None,
) -> dict[str, Any]:
    """Return the model description as values of YAML.

    Args:
        bundle: the bundle.
        precision: of the model.
        files: contents of the folder's files that the description refers to, by name.
        outputs: test outputs by name.
        opset: version of the ONNX operators.
        license: SPDX identifier, if it is known.
    """
    tolerance = bundle.manifest.onnx_tolerance.get(precision, 1e-4)

    def source(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    height, width = bundle.pixels.height, bundle.pixels.width
    axes = [
        {"type": "batch"},
        {"type": "space", "id": "y", "size": height},
        {"type": "space", "id": "x", "size": width},
    ]
    image = {
        "id": "image",
        "description": "One cell, cropped and resized; see client.json",
        "axes": [*axes, {"type": "channel", "channel_names": ["red", "green", "blue"]}],
        "data": {"type": "uint8", "range": [0, 255]},
        "test_tensor": source("test_input.npy"),
    }
    found: dict[str, Any] = {
        "format_version": FORMAT,
        "type": "model",
        "name": _name(bundle.name),
        "description": f"White blood cells: {', '.join(bundle.classes)}"[:1000],
        "authors": [],
        "cite": _cited(bundle.manifest.citation),
        **({"license": license} if license else {}),
        "tags": ["white-blood-cell", "hematology", "classification", "2d", "onnx", "edgewbc"],
        "documentation": README,
        "timestamp": bundle.manifest.created or "1970-01-01T00:00:00+00:00",
        "attachments": [source(name) for name in (CLIENT, FAMILIARITY) if name in files],
        "inputs": [image],
        "outputs": [
            _output(name, array, bundle.classes, source(f"test_{name}.npy")) for name, array in outputs.items()
        ],
        "weights": {"onnx": {**source(MODEL), "opset_version": opset}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [
                    {
                        "output_ids": [name],
                        "relative_tolerance": 0.001,
                        "absolute_tolerance": min(tolerance, _LOOSEST * float(array.max())),
                    }
                    for name, array in outputs.items()
                ]
            },
            "edgewbc": {"classes": list(bundle.classes), "precision": precision},
        },
    }
    return found


def readme(bundle: Bundle, described: ClientDescription) -> str:
    """Return the documentation, with the section on validation that the specification asks for."""
    card = bundle.read(CARD).decode("utf-8") if CARD in bundle.sums else f"# {bundle.name}\n"
    return (
        f"{card}\n## Preparation of an image\n\n{described.to_text()}\n\nCalibration: {described.calibrate}. "
        f"Decision: {described.decide} ({described.review_below:g}). {described.unfamiliar}\n\n"
        "## Validation\n\nOn images of your own, labeled and not used in training: `edgewbc eval BUNDLE --data "
        "MANIFEST` with the bundle that this folder was made from, or accuracy and recall by class of the labels that "
        "`client.json` defines.\n"
    )


def channel_names(classes: tuple[str, ...]) -> list[str]:
    """Return identifiers for class names, each once, as the specification demands of channels."""
    found: list[str] = []
    for number, name in enumerate(classes):
        text = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
        text = text if text.isidentifier() else f"class_{text or number}"
        found.append(text if text not in found else f"{text}_{number}")
    return found


def _output(name: str, array: NDArray[Any], classes: tuple[str, ...], test: dict[str, str]) -> dict[str, Any]:
    axes: list[dict[str, Any]] = [{"type": "batch"}]
    if name == "probabilities":
        axes.append({"type": "channel", "channel_names": channel_names(classes)})
    else:
        axes.append({"type": "index", "size": int(array.shape[1])})
        axes += [
            {"type": "space", "id": axis, "size": int(size)} for axis, size in zip("yx", array.shape[2:], strict=False)
        ]
    return {"id": name, "axes": axes, "data": {"type": str(array.dtype)}, "test_tensor": test}


def _name(name: str) -> str:
    """Return a bundle's name as the specification allows it: 5 to 128 characters of a limited set."""
    text = re.sub(r"[^A-Za-z0-9_+\- ()]+", "-", name)[:100]
    return f"{text} white blood cells"


def _cited(citation: str | None) -> list[dict[str, str]]:
    """Return the citation of the training data, if it names a DOI: the specification wants a DOI or an address."""
    match = re.search(r"10\.\d{4,9}/[^\s,;)]+", citation or "")
    return [{"text": str(citation), "doi": match.group().rstrip(".")}] if match else []


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
