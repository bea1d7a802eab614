"""OpenVINO's Model API: its classification wrapper opens the IR of the bundle by what the file says of itself.

Two rows: given pictures of the network's size, as the toolkit resizes them, it must say what the toolkit says; given
the cropped picture it resizes it itself, in the graph and bilinearly. It is called a picture at a time, as its users
do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import peer


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Take the IR out of the bundle, and look that the wrapper opens it."""
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
        raise peer.Refused(f"it reads the labels {labels} from the IR, and the bundle's are {job['classes']}")
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
    """The wrapper; it reads pictures as OpenCV does, in BGR."""
    import numpy as np

    xml = Path(row["xml"])
    model = _open(xml, job, row["classes"])
    order = {name: index for index, name in enumerate(model.params.labels)}
    model(np.zeros(row["inputs"]["shape"][1:], np.uint8))

    def predict(batch: Any) -> Any:
        return np.stack([_told(model(_bgr(picture)), order) for picture in batch])

    def stream(batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            yield np.stack([_told(answer, order) for answer in model.infer_batch([_bgr(picture) for picture in batch])])

    compiled = model.inference_adapter.compiled_model
    facts = {
        "isa": None,
        "version": peer.versions("openvino"),
        "threads": int(compiled.get_property("INFERENCE_NUM_THREADS")),
        "streams": int(compiled.get_property("NUM_STREAMS")),
    }
    return peer.Model(predict, [xml, xml.with_suffix(".bin")], facts, stream)


def _bgr(picture: Any) -> Any:
    """RGB to BGR, in memory of its own."""
    import numpy as np

    return np.ascontiguousarray(picture[..., ::-1])


def _told(answer: Any, order: dict[str, int]) -> Any:
    """Probabilities by class, from the labels that it gives, float32 (K,).

    Not its `raw_scores`: in 0.4.7 these are a view of the runtime's memory, which the next answer overwrites.
    """
    import numpy as np

    found = np.zeros(len(order), np.float32)
    for label in answer.top_labels:
        found[order[label.name]] = label.confidence
    return found


def _open(xml: Path, job: dict[str, Any], classes: int) -> Any:
    """The model, by the wrapper that the file asks for; it is to tell the probabilities of all classes."""
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
        raise peer.Refused(f"it opens the IR as {type(model).__name__}, not as a ClassificationModel")
    return model


def _cropped(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The drawn pictures as they are; the row's error where they are not all of one size."""
    import numpy as np

    from edgewbc.images.decode import decode

    pictures = [decode(path.read_bytes()).image for path, _ in peer.listed(job, job["split"])]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) > 1:
        return {"error": "the cropped pictures differ in size: they are not timed together"}
    inputs = peer.save_inputs(folder / "cropped.u8", (np.stack(part) for part in peer.batched(pictures)))
    return {"inputs": inputs, "input": inputs["shape"][1:3]}


if __name__ == "__main__":
    peer.main(prepare, load)
