"""The model card of a bundle: what it is, what it is not, on what it was measured, how to check it.

After Mitchell et al. 2019, "Model cards for model reporting", arXiv 1810.03993. Written from the bundle's manifest
alone, so that the two cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edgewbc.data.manifest import SYNTHETIC
from edgewbc.pixels import PixelSpec
from edgewbc.utils.text import interval, percent

ELSEWHERE = (
    ("Raabin (a subset)", "43-63 %"),
    ("JTSC (Jiangxi Tecom)", "22-30 %"),
    ("CellaVision pictures", "53-72 %"),
    ("BCCD", "48 %"),
)
"""Accuracy of an unpruned VGG16-GAP, trained on PBC, on other labs' pictures, by how they were cropped."""

IMAGENET = {
    "vgg": "VGG16's ImageNet weights (Simonyan and Zisserman 2015, arXiv 1409.1556; Oxford VGG, CC BY 4.0)",
    "efficientnet-lite0": "EfficientNet-Lite0's ImageNet weights (Tan and Le 2019, arXiv 1905.11946; Google, converted "
    "by ML Illustrated; Apache-2.0)",
}
"""What a network whose training began with `weights: imagenet` began with, by the start of its architecture's name."""


def card(manifest: Mapping[str, Any]) -> str:
    """The text of CARD.md, Markdown, from what `manifest.json` says."""
    parts = [
        _what(manifest),
        _limits(manifest),
        _data(manifest),
        _evidence(manifest),
        _input(manifest),
        _check(manifest),
        _licence(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def _what(m: Mapping[str, Any]) -> str:
    files = ", ".join(f"{p} ({' and '.join(_backend(b) for b in files)})" for p, files in m["files"].items())
    steps = " -> ".join(step["step"] for step in _steps(m)) or "unknown"
    channels = " ".join(str(c) for c in m["channels"])
    return (
        f"# {m['name']}\n\n"
        f"A classifier of white blood cells, one cell a picture, into {len(m['classes'])} classes: "
        f"{', '.join(m['classes'])}.\n\n"
        f"- Network: {m['arch']}, {m['parameters']:,} parameters, {m['macs'] / 1e6:,.1f} million multiply-adds a "
        f"picture; channels {channels}; dense layers {' '.join(str(w) for w in m['head_widths']) or 'none'}\n"
        f"- Files: {files}; the default is {m['default_precision']}\n"
        f"- Made: {m['created']} by edgewbc {m['edgewbc']} ({steps})"
    )


def _limits(m: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {where} | {accuracy} |" for where, accuracy in ELSEWHERE)
    return (
        "## What it is for, and what it is not\n\n"
        "For research, teaching and work on software. It is not a medical device, has not been validated for "
        "diagnosis, and no clinical decision may rest on it alone.\n\n"
        "It knows the classes above and nothing else: an immature granulocyte, a blast, a platelet clump or a smudge "
        "is given one of them all the same, often with a high probability.\n\n"
        "**Another lab's stain and microscope break it.** A network of this kind, trained on PBC (Barcelona, "
        "CellaVision DM96), was measured on other labs' pictures:\n\n"
        f"| pictures from, none of them trained on | accuracy |\n|---|---|\n{rows}\n\n"
        "Before it is used anywhere, measure it there on cells that an expert has labelled:\n"
        "`edgewbc data manifest folder DIR --to M`, then `edgewbc eval BUNDLE --data M --split test`.\n\n"
        f"A cell whose probability is below {m['review_below']:.4f} should be looked at by a person"
        + (
            f": {m['review']['accepted']} of the {m['review']['n']} validation pictures (protocol "
            f"{m['data']['protocol']}) are at or above it, and "
            f"{m['review']['wrong']} of those were wrong. The figures hold for pictures like those, and no others."
            if m["review"]
            else "; this threshold was not chosen on any pictures."
        )
    )


def _data(m: Mapping[str, Any]) -> str:
    data = m["data"]
    if not data:
        return "## Data\n\nThe bundle was exported without a manifest: nothing was measured on it."
    lines = [
        f"- Source: {data['source']}; protocol: {data['protocol']}; manifest {data['manifest_sha256']}",
        f"- Citation: {data['citation'] or 'not stated'}",
        f"- Licence of the pictures: {data['licence'] or 'not stated'}",
    ]
    counts = [
        f"| {split} | " + " | ".join(str(found.get(name, 0)) for name in m["classes"]) + " |"
        for split, found in data["counts"].items()
    ]
    table = "\n".join(["| split | " + " | ".join(m["classes"]) + " |", "|---" * (len(m["classes"]) + 1) + "|", *counts])
    if data["source"] == SYNTHETIC:
        lines.insert(0, "**These pictures were drawn by the toolkit. The figures check the chain, and say nothing of "
                        "real cells.**\n")  # fmt: skip
    trained = data["training_manifest_sha256"]
    if trained and trained != data["manifest_sha256"]:
        lines.append(f"- Another manifest than the network was trained on ({trained})")
    return "## Data\n\n" + "\n".join(lines) + "\n\n" + table


def _evidence(m: Mapping[str, Any]) -> str:
    if not m["evidence"]:
        return "## Evidence\n\nNone was taken."
    lines = [
        "| file | split | n | correct | accuracy | 95 % interval | SHA-256 of the file |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_backend(row['backend'])} {row['precision']} | {row['protocol']} {row['split']} | {row['n']} | "
        f"{row['correct']} | {percent(row['accuracy'])} | {interval(row['interval'])} | `{row['sha256'][:16]}` |"
        for row in m["evidence"]
    ]
    text = (
        "## Evidence\n\nMeasured when the bundle was exported, by the files in it, on the validation pictures. The "
        "network was chosen on these, so the figures flatter it a little; the test split is for `edgewbc eval`.\n\n"
    )
    text += "\n".join(lines)
    for backend, row in m["parity"].get("int8", {}).items():
        text += (
            f"\n\n{_backend(backend)} int8 against f32: {100 * row['drop']:.2f} points of accuracy lost, same label on "
            f"{percent(row['agreement'])} of the pictures, largest difference in a probability "
            f"{row['largest_difference']:.3f}, McNemar {row['mcnemar']['b']} : {row['mcnemar']['c']} "
            f"(p = {row['mcnemar']['p']:.3f})."
        )
    return text + _isa(m["lineage"].get("isa"))


def _isa(found: Mapping[str, Any] | None) -> str:
    """What a CPU without VNNI answers, where that was measured (`edgewbc quantize --check-isa`)."""
    if found is None or found["same_isa"]:
        return ""
    native, limited = found["native"], found["avx2"]
    return (
        f"\n\nOpenVINO int8 on a CPU without VNNI ({limited['isa']}, simulated) against {native['isa']}: same label on "
        f"{percent(found['agreement'])} of {found['n']} validation pictures, {limited['correct']} and "
        f"{native['correct']} of them right, largest difference in a probability {found['largest_difference']:.3f}."
    )


def _input(m: Mapping[str, Any]) -> str:
    spec = PixelSpec.from_dict(m["pixels"])
    crop = {
        "whole": "the whole picture",
        "centre": f"the central {spec.size} x {spec.size} pixels (all of a smaller picture)",
        "box": f"a square of {spec.scale:g} times the longer side of the cell's box (the whole picture without a box)",
    }[spec.crop]
    outputs = m["outputs"]
    return (
        "## Input and output\n\n"
        f"`image`: uint8, (n, {spec.height}, {spec.width}, 3), RGB. Take {crop}, resize it to {spec.height} x "
        f"{spec.width} (averaging over areas), and give it as it is: the scaling and the softmax are in the graph.\n\n"
        f"`probabilities`: float32, (n, {outputs['probabilities']}), in the order of the classes above. `features`: "
        f"float32, (n, {outputs['features']}), what the dense layers see; `{m['head']}` holds those layers as plain "
        f"arrays. The map that is pooled, (n, {', '.join(str(v) for v in outputs['map'])}), keeps the name `map` and "
        "can be added as an output."
    )


def _check(m: Mapping[str, Any]) -> str:
    return (
        "## How to check it\n\n"
        "    sha256sum -c SHA256SUMS\n"
        "    edgewbc selftest --model .\n\n"
        "The first shows that nothing was changed. The second answers the golden samples, which the toolkit has "
        "drawn, and compares with what was answered where the bundle was made "
        f"({', '.join(f'{p} within {t:g}' for p, t in m['golden']['tolerance'].items())} in probability)."
    )


def _licence(m: Mapping[str, Any]) -> str:
    text = "## Licence\n\nThe weights: Apache-2.0."
    if m["data"] and m["data"]["licence"]:
        text += f" The pictures they were fitted to are under {m['data']['licence']}; none of them is in this bundle."
    if _from_imagenet(m):
        begun = next((text for name, text in IMAGENET.items() if m["arch"].startswith(name)), "ImageNet weights")
        text += f" The convolutional layers started from {begun}."
    return text


def _steps(m: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps that made the network, first to last."""
    lineage = m["lineage"]
    return [*lineage.get("ancestors", []), lineage] if lineage.get("step") else []


def _from_imagenet(m: Mapping[str, Any]) -> bool:
    return any("imagenet" in json.dumps(weights).lower() for weights in _values(m["lineage"], "weights"))


def _values(value: Any, key: str) -> Iterator[Any]:
    """Every value that stands under a key, however deep."""
    if isinstance(value, Mapping):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


def _backend(name: str) -> str:
    return {"openvino": "OpenVINO", "onnx": "ONNX"}.get(name, name)
