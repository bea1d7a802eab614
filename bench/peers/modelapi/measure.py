"""OpenVINO's Model API: its classification wrapper opens the bundle's IR from the metadata in the file.

It has two rows. With images that edgewbc resized to the network's input size, its predictions must equal those of
edgewbc; with cropped images it resizes them itself, in the graph and bilinearly. It is called with single images, as
its users do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import peer


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Extract the IR from the bundle, and check that the wrapper opens it."""
    from edgewbc.bundle.bundle import Bundle

    bundle, folder = Bundle.open(Path(job["bundle"])), Path(job["folder"])
    precision = bundle.default_precision
    names = bundle.model_files("openvino", precision)
    contents = [bundle.read(name) for name in names]
    xml = folder / f"{precision}.xml"
    xml.write_bytes(contents[0])
    xml.with_suffix(".bin").write_bytes(contents[1])
    model = _open(xml, {"threads": job["threads"], "mode": "latency"}, len(bundle.classes))
    labels = list(model.params.labels)
    if sorted(labels) != sorted(job["classes"]):
        raise peer.UnsupportedError(f"it reads the labels {labels} from the IR, but the bundle's are {job['classes']}")
    network = hashlib.sha256(b"".join(contents)).hexdigest()
    shared = {"precision": precision, "xml": str(xml), "network": network, "classes": len(labels)}
    size = [bundle.pixels.height, bundle.pixels.width]
    cropped = _cropped(job, folder)
    return {
        "classes": labels,
        "rows": {
            "ours": {**shared, "input": size, "inputs": job["inputs"]},
            "its": {**shared, **cropped},
        },
        "minutes": None,
        "version": peer.versions("openvino-model-api", "openvino"),
        "facts": {"features_output": "features" in model.outputs},
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Open the wrapper; it expects images in BGR, as OpenCV reads them."""
    import numpy as np

    xml = Path(row["xml"])
    model = _open(xml, job, row["classes"])
    order = {name: index for index, name in enumerate(model.params.labels)}
    model(np.zeros(row["inputs"]["shape"][1:], np.uint8))

    def predict(batch: Any) -> Any:
        return np.stack([_probabilities(model(_bgr(image)), order) for image in batch])

    def stream(batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            results = model.infer_batch([_bgr(image) for image in batch])
            yield np.stack([_probabilities(result, order) for result in results])

    compiled = model.inference_adapter.compiled_model
    facts = {
        "isa": None,
        "version": peer.versions("openvino"),
        "threads": int(compiled.get_property("INFERENCE_NUM_THREADS")),
        "streams": int(compiled.get_property("NUM_STREAMS")),
    }
    return peer.Model(predict, [xml, xml.with_suffix(".bin")], facts, stream)


def _bgr(image: Any) -> Any:
    """Convert RGB to BGR in a new array."""
    import numpy as np

    return np.ascontiguousarray(image[..., ::-1])


def _probabilities(result: Any, order: dict[str, int]) -> Any:
    """Return the probabilities of the classes from the labels of a result, float32 (K,).

    Its `raw_scores` are not used: in 0.4.7 they are a view of the runtime's memory, which the next call overwrites.
    """
    import numpy as np

    found = np.zeros(len(order), np.float32)
    for label in result.top_labels:
        found[order[label.name]] = label.confidence
    return found


def _open(xml: Path, job: dict[str, Any], classes: int) -> Any:
    """Open the IR with the wrapper that its metadata names, configured to return all classes."""
    from model_api.adapters import OpenvinoAdapter, create_core
    from model_api.models import ClassificationModel, Model

    options = {
        "PERFORMANCE_HINT": job["mode"].upper(),
        "INFERENCE_NUM_THREADS": job["threads"],
        "INFERENCE_PRECISION_HINT": "f32",
    }
    adapter = OpenvinoAdapter(create_core(), str(xml), device="CPU", plugin_config=options)
    model = Model.create_model(adapter, configuration={"topk": classes}, preload=True)
    if not isinstance(model, ClassificationModel):
        raise peer.UnsupportedError(f"it opens the IR as {type(model).__name__}, not as a ClassificationModel")
    return model


def _cropped(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the cropped images as inputs; return an error if they differ in size."""
    import numpy as np

    from edgewbc.images.decode import decode

    images = [decode(path.read_bytes()).image for path, _ in peer.listed(job, job["split"])]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        return {"error": "the cropped images differ in size, so they cannot be timed in batches"}
    inputs = peer.save_inputs(folder / "cropped.u8", (np.stack(part) for part in peer.batched(images)))
    return {"inputs": inputs, "input": inputs["shape"][1:3]}


if __name__ == "__main__":
    peer.main(prepare, load)
