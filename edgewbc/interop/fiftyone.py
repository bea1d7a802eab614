"""FiftyOne: folders of the type `FiftyOneImageClassificationDataset`, images in `data/` and labels as JSON.

`labels.json` has `classes` and `labels`: by the image's name without suffix, the index of its class, or an object with
`label` and `confidence`. Images without a label are not listed. (https://docs.voxel51.com, "FiftyOne image
classification dataset".)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewbc.interop.labels import LabeledImage

DATA, LABELS, PREDICTIONS = "data", "labels.json", "predictions.json"


def labels(images: Sequence[LabeledImage], classes: Sequence[str]) -> dict[str, Any]:
    """Return `labels.json`: people's labels."""
    index = {name: number for number, name in enumerate(classes)}
    return {"classes": list(classes), "labels": {each.stem: index[each.label] for each in images if each.label}}


def predictions(images: Sequence[LabeledImage], classes: Sequence[str]) -> dict[str, Any]:
    """Return a file like `labels.json` with the network's labels and probabilities."""
    index = {name: number for number, name in enumerate(classes)}
    return {
        "classes": list(classes),
        "labels": {
            each.stem: {"label": index[each.suggestion], "confidence": each.probability}
            for each in images
            if each.suggestion
        },
    }


def read(values: Any) -> list[LabeledImage]:
    """Return the images of a `labels.json`, each with the file name `data/NAME` without a suffix.

    Raises:
        ValueError: it is not a file of FiftyOne.
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("labels"), Mapping):
        raise ValueError("it has no object `labels`")
    classes = values.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
        raise ValueError("its `classes` is not a list of names")
    return [LabeledImage(f"{DATA}/{name}", _label(name, target, classes)) for name, target in values["labels"].items()]


def _label(name: str, target: Any, classes: list[str] | None) -> str:
    if isinstance(target, Mapping):
        target = target.get("label")
    if target is None:
        return ""
    if isinstance(target, str):
        return target
    if isinstance(target, int) and not isinstance(target, bool) and classes is not None and 0 <= target < len(classes):
        return classes[target]
    raise ValueError(f"the label of {name!r} is neither a name nor the index of one of its classes")
