"""Build the parts of a bundle's manifest that describe the network and the data, and the head as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from edgewbc._version import __version__
from edgewbc.bundle.paths import HEAD
from edgewbc.data.manifest import Manifest
from edgewbc.export import golden
from edgewbc.export.validation import ModelFile
from edgewbc.lineage import Lineage
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec, library
from edgewbc.utils.files import read_json
from edgewbc.utils.json_values import plain, values_of

_RUNTIMES_TRIED = Path(__file__).with_name("runtimes_tried.json")
_TRIED_FOR_ALL = "wbc5-vgg16gap"
"""The bundle of the list whose operations are the most demanding: what ran it stands for files of the same form."""


@dataclass(frozen=True)
class RuntimesTried:
    """The oldest runtimes that were tried with a bundle's files.

    Attributes:
        what: was done with them, in words.
        tried: date.
        model: bundle whose files were run.
        n: number of images.
        oldest: by runtime, its version and what it gave, as JSON values.
    """

    what: str
    tried: str
    model: str
    n: int
    oldest: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        return values_of(self)


def runtimes_tried(name: str = _TRIED_FOR_ALL) -> RuntimesTried:
    """Return the oldest runtimes that were tried with a bundle's files, or with files of the same form, for the card.

    Args:
        name: name of the bundle.
    """
    found = read_json(_RUNTIMES_TRIED, "the list of runtimes that were tried")
    model = name if name in found["models"] else _TRIED_FOR_ALL
    return RuntimesTried(found["what"], found["tried"], model, found["n"], found["models"][model])


@dataclass(frozen=True)
class NetworkEntries:
    """What a bundle's manifest says of the network as it ships.

    Attributes:
        spec: of the network, with batch norm and branches folded.
        parameters, macs: totals.
        features: length of the output `features`.
        map: channels, height and width of the feature map.
        files: names by precision and backend.
        default_precision: precision that runs unless another one is asked for.
        created: time, UTC, ISO 8601.
    """

    spec: ModelSpec
    parameters: int
    macs: int
    features: int
    map: tuple[int, ...]
    files: Mapping[str, Mapping[str, Sequence[str]]]
    default_precision: str
    created: str

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's entries."""
        precisions, onnx = ([p for p, of in self.files.items() if backend in of] for backend in ("openvino", "onnx"))
        return {
            "edgewbc": __version__,
            **({} if library(self.spec.arch) else {"runtimes_tried": runtimes_tried().to_json()}),  # other operations
            "created": self.created,
            "arch": self.spec.arch,
            "form": self.spec.form,
            "channels": list(self.spec.channels),
            "head_widths": list(self.spec.head),
            "parameters": self.parameters,
            "macs": self.macs,
            "classes": list(self.spec.classes),
            "pixels": self.spec.pixels.to_dict(),
            "files": plain(self.files),
            "default_precision": self.default_precision,
            "outputs": {
                "probabilities": len(self.spec.classes),
                "features": self.features,
                "map": list(self.map),
            },
            "head": HEAD,
            "golden": golden.entry(precisions, onnx).to_json(),
        }


def network(net: Any, spec: ModelSpec, shipped: Sequence[ModelFile], folder: Path) -> NetworkEntries:
    """Return the manifest's entries about the network as it ships, with batch norm and branches folded.

    Args:
        net: network, a `torch.nn.Module` from `nets.model`.
        spec: specification of the network.
        shipped: the model files in the bundle; the precision of the first is the default.
        folder: folder of the bundle.
    """
    net, spec = model.fold(net, spec)
    files: dict[str, dict[str, list[str]]] = {}
    for file in shipped:
        files.setdefault(file.precision, {})[file.backend] = [p.relative_to(folder).as_posix() for p in file.paths]
    layers = model.describe(spec)
    pooled = next(
        number for number, layer in enumerate(layers) if layer.name == "pool"
    )  # the layer before is the feature map
    return NetworkEntries(
        spec=spec,
        parameters=model.count(net),
        macs=model.macs(spec),
        features=layers[pooled].output[0],
        map=tuple(layers[pooled - 1].output),
        files=files,
        default_precision=shipped[0].precision,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@dataclass(frozen=True)
class BundleData:
    """The images that a bundle is measured on and was trained on.

    Attributes:
        source, protocol, manifest_sha256: of the manifest that the bundle is measured on.
        training_manifest_sha256: of the manifest that the network was trained on; None if it was not recorded.
        counts: number of cells by split and class.
        citation, license: of the data set.
    """

    source: str | None
    protocol: str
    manifest_sha256: str
    training_manifest_sha256: str | None
    counts: dict[str, dict[str, int]]
    citation: str
    license: str

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        return values_of(self)


def data(manifest: Manifest, lineage: Lineage) -> BundleData:
    """Return what the bundle's manifest says of the images.

    Args:
        manifest: manifest that the bundle is measured on.
        lineage: lineage of the run; its first step is the training.
    """
    return BundleData(
        source=manifest.provenance.source,
        protocol=manifest.protocol,
        manifest_sha256=manifest.sha256,
        training_manifest_sha256=lineage.first.manifest_sha256,
        counts=manifest.counts(),
        citation=manifest.provenance.citation,
        license=manifest.provenance.license,
    )


def head(net: Any) -> dict[str, Any]:
    """Return the weights (out, in) and biases (out,) of the dense layers, float32, named w0, b0, w1, b1, ..."""
    layers = [layer for layer in net.head if hasattr(layer, "in_features")]
    arrays = {}
    for number, layer in enumerate(layers):
        arrays[f"w{number}"] = layer.weight.detach().numpy().astype(np.float32)
        arrays[f"b{number}"] = layer.bias.detach().numpy().astype(np.float32)
    return arrays


def without_paths(value: Any) -> Any:
    """Return a JSON value with every absolute or parent-relative path reduced to its file name.

    Bundles are distributed, so they must not reveal folders of the machine that exported them.
    """
    if isinstance(value, Mapping):
        return {key: without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    if isinstance(value, str):
        for path in (PurePosixPath(value), PureWindowsPath(value)):
            if path.is_absolute() or ".." in path.parts:
                return path.name
    return value
