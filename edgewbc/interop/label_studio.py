"""Label Studio: tasks with a network's predictions and people's labels, the labeling interface, and exports.

The formats are described at https://labelstud.io/guide: tasks (`data`, `predictions`, `annotations`), the export JSON,
which is tasks with annotations, and JSON-MIN, a flat object per annotated task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from edgewbc.interop.labels import LabeledImage

TASKS, CONFIG = "label-studio.json", "label-studio.xml"
FROM, TO = "label", "image"
"""Names of the choices and of the image in the labeling interface."""
_LOCAL = "/data/local-files/"


def tasks(images: Sequence[LabeledImage], model: str) -> list[dict[str, Any]]:
    """Return tasks with the network's labels as predictions and people's labels as annotations.

    Args:
        images: of single cells, in a folder that Label Studio serves as local files.
        model: name of the network.
    """
    return [_task(image, model) for image in images]


def _task(image: LabeledImage, model: str) -> dict[str, Any]:
    data: dict[str, Any] = {"image": f"{_LOCAL}?d={quote(image.file)}", "number": image.number}
    data |= {name: value for name, value in (("case", image.case), ("sha256", image.sha256)) if value}
    task: dict[str, Any] = {"data": data}
    if image.suggestion:
        prediction = {"model_version": model, "score": image.probability, "result": [_choice(image.suggestion)]}
        task["predictions"] = [prediction]
    if image.label:
        task["annotations"] = [{"result": [_choice(image.label)]}]
    return task


def _choice(label: str) -> dict[str, Any]:
    return {"from_name": FROM, "to_name": TO, "type": "choices", "value": {"choices": [label]}}


def config(classes: Sequence[str]) -> str:
    """Return the labeling interface for these classes."""
    choices = "\n".join(f'    <Choice value="{escape(name, quote=True)}"/>' for name in classes)
    return (
        f'<View>\n  <Image name="{TO}" value="$image"/>\n'
        f'  <Choices name="{FROM}" toName="{TO}" choice="single">\n{choices}\n  </Choices>\n</View>\n'
    )


def read(values: Any) -> list[LabeledImage]:
    """Return the images of an export, JSON or JSON-MIN; those without a label have an empty one.

    Predictions are not read: they were not given by a person.

    Raises:
        ValueError: it is not an export of Label Studio, or two people labeled an image differently.
    """
    if not isinstance(values, list):
        raise ValueError("it is not a list of tasks")
    return [_read(each, number) for number, each in enumerate(values, 1)]


def _read(task: Any, number: int) -> LabeledImage:
    if not isinstance(task, Mapping):
        raise ValueError(f"task {number} is not an object")
    data, labels = task, _flat(task.get(FROM), number)
    if "data" in task:
        data, labels = task["data"], _annotated(task.get("annotations") or [], number)
    if not isinstance(data, Mapping) or not isinstance(data.get("image"), str):
        raise ValueError(f"task {number} names no image")
    if len(labels) > 1:
        raise ValueError(f"task {number} ({data['image']}) has several labels: {', '.join(sorted(labels))}")
    return LabeledImage(
        _file(data["image"]),
        next(iter(labels), ""),
        number=_number(data.get("number")),
        case=_text(data.get("case")),
        sha256=_text(data.get("sha256")),
    )


def _flat(value: Any, number: int) -> set[str]:
    """Return the labels of JSON-MIN: a text, or an object with choices."""
    if value is None:
        return set()
    if isinstance(value, str):
        return {value}
    return _choices(value, number)


def _annotated(annotations: Any, number: int) -> set[str]:
    """Return the labels of all annotations that were not skipped."""
    if not isinstance(annotations, list):
        raise ValueError(f"task {number} has no list of annotations")
    found: set[str] = set()
    for each in annotations:
        if not isinstance(each, Mapping) or not isinstance(each.get("result", []), list):
            raise ValueError(f"task {number} has an annotation of another form")
        if each.get("was_cancelled"):
            continue
        for result in each.get("result", []):
            if isinstance(result, Mapping) and result.get("type") == "choices":
                found |= _choices(result.get("value"), number)
    return found


def _choices(value: Any, number: int) -> set[str]:
    choices = value.get("choices") if isinstance(value, Mapping) else None
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise ValueError(f"task {number} has choices of another form")
    return set(choices)


def _file(image: str) -> str:
    """Return the file that an image's address names: of local files the part after `d=`, else its path."""
    parts = urlsplit(image)
    if parts.path == _LOCAL and "d" in (query := parse_qs(parts.query)):
        return query["d"][0]
    return unquote(parts.path) if parts.scheme or image.startswith("/data/") else image


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
