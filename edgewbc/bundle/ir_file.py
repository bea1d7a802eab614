"""Read an OpenVINO IR (.xml) without OpenVINO: with limits, and without entities or anything else that expands.

Source: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from __future__ import annotations

import json
from xml.parsers import expat

from edgewbc.bundle.model_facts import ModelFacts

MAX_ELEMENTS = 1_000_000
DEEPEST = 40
END = b"</net>\n"
"""How OpenVINO ends the file. Whitespace moved from there to the start of the .bin would keep their joint hash."""
_OPSETS = {f"opset{number}" for number in range(1, 17)}


def facts(xml: bytes) -> ModelFacts:
    """Return what an IR says about itself.

    Raises:
        ValueError: it is not an IR as OpenVINO writes it.
    """
    if not xml.endswith(END):
        raise ValueError("it does not end like an IR")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = reader.refuse
    parser.StartCdataSectionHandler = reader.refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ValueError(f"its XML is damaged: {error}") from None
    return ModelFacts(reader.labels, reader.inputs[0] if len(reader.inputs) == 1 else None, frozenset(reader.types))


class _Reader:
    """Handles the elements of an IR."""

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.inputs: list[tuple[int, int] | None] = []
        self.labels: dict[str, tuple[str, ...]] = {}
        self._path: list[str] = []
        self._count = 0
        self._parameter = False

    def refuse(self, *_: object) -> None:
        raise ValueError("it has XML declarations that OpenVINO does not write")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._path) >= DEEPEST:
            raise ValueError("it has too many elements")
        if not self._path and tag != "net":
            raise ValueError(f"it begins with {tag[:80]!r}")
        self._path.append(tag)
        if tag == "layer":
            kind, version = attributes.get("type", ""), attributes.get("version", "")
            if version not in _OPSETS:
                raise ValueError(f"layer type {kind[:80]!r} of {version[:80]!r}")
            self.types.add(kind)
            self._parameter = kind == "Parameter"
        elif tag == "data" and self._parameter and self._path[-2] == "layer":
            self.inputs.append(_input_size(attributes))
        elif self._path in (["net", "rt_info", "edgewbc", "labels"], ["net", "rt_info", "model_info", "labels"]):
            section = self._path[2]
            if section in self.labels:
                raise ValueError(f"{section}/labels occurs twice")
            self.labels[section] = labels(section, attributes.get("value", ""))

    def end(self, tag: str) -> None:
        self._path.pop()
        if tag == "layer":
            self._parameter = False


def labels(section: str, text: str) -> tuple[str, ...]:
    """Split the class names of a section of a model file's metadata: JSON in `edgewbc`, otherwise separated by spaces.

    Raises:
        ValueError: they are not a list of names.
    """
    if section != "edgewbc":
        return tuple(text.split())
    try:
        names = json.loads(text)
    except RecursionError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its labels are not a list of names")
    return tuple(names)


def _input_size(attributes: dict[str, str]) -> tuple[int, int] | None:
    sizes = attributes.get("shape", "").split(",")
    if len(sizes) != 4 or not (sizes[1].isdecimal() and sizes[2].isdecimal()) or sizes[3] != "3":
        return None
    return (int(sizes[1]), int(sizes[2])) if attributes.get("element_type") == "u8" else None
