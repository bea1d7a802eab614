"""Write the model card of a bundle: description, intended use and limits, data, accuracy, and how to check it.

After Mitchell et al. 2019, "Model cards for model reporting", arXiv 1810.03993. The card is written from the bundle's
manifest alone, so the two always agree, and it states only what was measured on the files of this bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.familiarity_info import FamiliarityInfo
from edgewbc.decision.views import LabelFrom
from edgewbc.lineage import Lineage
from edgewbc.pixels import PixelSpec
from edgewbc.probability_metrics import MAX_CALIBRATION_ERROR
from edgewbc.smear.views import Views
from edgewbc.synth.outliers import SYNTHETIC as SYNTHETIC_KIND
from edgewbc.utils.text import interval, percent

IMAGENET = {
    "vgg": "VGG16's ImageNet weights (Simonyan and Zisserman 2015, arXiv 1409.1556; Oxford VGG, CC BY 4.0)",
    "efficientnet-lite0": "EfficientNet-Lite0's ImageNet weights (Tan and Le 2019, arXiv 1905.11946; Google, converted "
    "by ML Illustrated; Apache-2.0)",
}
"""Source and license of the ImageNet weights that a network started from, by the prefix of its architecture's name."""

_BACKENDS = {"openvino": "OpenVINO", "onnx": "ONNX"}


def card(manifest: BundleManifest) -> str:
    """Return the text of CARD.md (Markdown) for a bundle's manifest."""
    values = manifest.to_json()
    sections = (_description, _limits, _data, _evidence, _input, _verification, _license)
    return "\n\n".join(section(values) for section in sections) + "\n"


def _description(m: Mapping[str, Any]) -> str:
    files = ", ".join(f"{p} ({' and '.join(_backend(b) for b in files)})" for p, files in m["files"].items())
    steps = " -> ".join(step["step"] for step in _steps(m)) or "unknown"
    channels = " ".join(str(c) for c in m["channels"])
    channels = f"channels {channels}; " if channels and ":" not in m["arch"] else ""
    return (
        f"# {m['name']}\n\n"
        f"A classifier of white blood cells, for images of one cell each, with {len(m['classes'])} classes: "
        f"{', '.join(m['classes'])}.\n\n"
        f"- Network: {m['arch']}, {m['parameters']:,} parameters, {m['macs'] / 1e6:,.1f} million multiply-adds per "
        f"image; {channels}dense layers {' '.join(str(w) for w in m['head_widths']) or 'none'}\n"
        f"- Files: {files}; the default is {m['default_precision']}\n"
        f"- Exported: {m['created']} by edgewbc {m['edgewbc']} ({steps})" + _runtimes(m.get("runtimes_tried"))
    )


def _runtimes(tried: Mapping[str, Any] | None) -> str:
    """Return a line on the oldest runtimes that were tried with files of this form; empty if the manifest has none."""
    if tried is None:
        return ""
    oldest = " and ".join(f"{name} {found['version']}" for name, found in tried["oldest"].items())
    return f"\n- Oldest runtimes tried, with {tried['model']} (int8, {tried['n']} images, {tried['tried']}): {oldest}"


def _others(classes: Sequence[str]) -> str:
    """Return examples of cells that are none of the classes."""
    granulocyte = [] if "immature granulocyte" in classes else ["an immature granulocyte"]
    return ", ".join([*granulocyte, "a blast", "a platelet clump"]) + " or a smudge cell"


def _limits(m: Mapping[str, Any]) -> str:
    return (
        "## Intended use and limits\n\n"
        "For research, teaching and software development. It is not a medical device, has not been validated for "
        "diagnosis, and no clinical decision may rest on it alone.\n\n"
        f"It knows the classes above and no others: {_others(m['classes'])} "
        "is assigned to one of them all the same, often with a high probability.\n\n"
        "**The figures in this card hold for images like those that they were measured on.** With another stain, "
        "camera or microscope the accuracy can be far lower. Before it is used anywhere, measure it there on cells "
        "that an expert has labeled:\n"
        "`edgewbc data manifest folder DIR --to M`, then `edgewbc eval BUNDLE --data M --split test`.\n\n"
        f"A cell whose {'calibrated ' if m.get('calibration') else ''}probability {_views(m)}is below "
        f"{m['review_below']:.4f} should be looked at by a person"
        + (
            f": {m['review']['accepted']} of the {m['review']['n']} validation images (protocol "
            f"{m['data']['protocol']}) are at or above this threshold, and {m['review']['wrong']} of those were "
            "misclassified."
            if m["review"]
            else "; this threshold was not chosen on any images."
        )
        + _guarantee(m)
        + _unusual(m)
        + _unfamiliar(m)
    )


def _views(m: Mapping[str, Any]) -> str:
    """Say of how many views the probability is the lowest; empty for one."""
    return "" if m.get("views") is None else f"in any of {len(Views.from_json(m['views']))} views "


def _averaged(m: Mapping[str, Any]) -> int:
    """Return the number of views whose mean the label is that of; 0 if it is that of one view."""
    return len(Views.from_json(m["views"])) if m.get("label_from") == LabelFrom.MEAN else 0


def _guarantee(m: Mapping[str, Any]) -> str:
    """Describe how the threshold was chosen, if it was by risk control."""
    review = m["review"] or {}
    if "max_error" not in review:
        return ""
    return (
        f" The threshold was chosen by risk control: with a probability of {percent(1 - review['delta'], 0)}, at most "
        f"{percent(review['max_error'])} of the accepted cells are misclassified (upper bound "
        f"{percent(review['bound'])}), if they are drawn like the validation images. Epoch and temperature were chosen "
        "on these too, which makes the bound slightly optimistic; for another laboratory it says nothing."
    )


def _unfamiliar(m: Mapping[str, Any]) -> str:
    """Describe the check for cells whose features are unlike those of the training cells."""
    if m.get("familiarity") is None:
        return " The bundle cannot tell cells that are unlike its training cells."
    found = FamiliarityInfo.from_json(m["familiarity"])
    return (
        f" A cell whose features are unlike those of the {found.trained_on} training cells is called unfamiliar and "
        f"never counted, as are {percent(found.false_alarms)} of the {found.held_out} validation cells."
        + _shown(found)
        + " This lowers the number of unknown cells that are accepted, and does not make it zero."
    )


def _shown(found: FamiliarityInfo) -> str:
    """Name the other kinds of cells that the check was shown; empty if there were none."""
    real = [f"{count} {name}" for name, count in found.others.items() if name != SYNTHETIC_KIND]
    made = found.others.get(SYNTHETIC_KIND)
    images = "" if made is None else f"{made} images that were made of two cells or have none"
    shown = " and ".join(filter(None, [", ".join(real), images]))
    if not shown:
        return ""
    text = f" The check was shown {shown}, all from the training split"
    if not real:
        return f"{text}; no kind of real cells beyond the classes was shown."
    return f"{text}: those kinds are known others to it. A kind that is not among them is recognized less often."


def _unusual(m: Mapping[str, Any]) -> str:
    """Describe the check for images that look unlike the training images."""
    if m.get("training_images") is None:
        return " The bundle does not know what its training images looked like, and cannot tell unlike images."
    found = TrainingImages.from_json(m["training_images"])
    count, (width, height) = found.appearance.images, (found.width[1], found.height[1])
    share = "" if found.unusual is None else f", as are {percent(found.unusual)} of the validation images"
    return (
        f" An image that looks unlike the training images in light, stain, sharpness, size or number of nuclei is sent "
        f"to a person whatever its probability is{share}. (Measured on {count} training images of about "
        f"{width:.0f} x {height:.0f} pixels.)"
    )


def _data(m: Mapping[str, Any]) -> str:
    data = m["data"]
    if not data:
        return "## Data\n\nThe bundle was exported without a manifest: its accuracy was not measured."
    lines = [
        f"- Source: {data['source']}; protocol: {data['protocol']}; manifest {data['manifest_sha256']}",
        f"- Citation: {data['citation'] or 'not stated'}",
        f"- License of the images: {_data_license(data) or 'not stated'}",
    ]
    counts = [
        f"| {split} | " + " | ".join(str(found.get(name, 0)) for name in m["classes"]) + " |"
        for split, found in data["counts"].items()
    ]
    names = [name.replace("|", "\\|") for name in m["classes"]]
    table = "\n".join(["| split | " + " | ".join(names) + " |", "|---" * (len(m["classes"]) + 1) + "|", *counts])
    if data["source"] == SYNTHETIC:
        lines.insert(0, "**The toolkit drew these images itself. The figures show that the workflow runs, and say "
                        "nothing about real cells.**\n")  # fmt: skip
    trained = data["training_manifest_sha256"]
    if trained and trained != data["manifest_sha256"]:
        lines.append(f"- This is not the manifest that the network was trained on ({trained})")
    return "## Data\n\n" + "\n".join(lines) + "\n\n" + table


def _evidence(m: Mapping[str, Any]) -> str:
    if not m["evidence"]:
        return "## Accuracy\n\nNot measured."
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
        "## Accuracy\n\nMeasured on the validation images, with the files of this bundle, when it was exported. The "
        "training chose the network on these images, so the figures are slightly optimistic; `edgewbc eval` measures "
        "on the test split."
        + (f" The label of a cell is that of the mean of its {count} views." if (count := _averaged(m)) else "")
        + "\n\n"
    )
    text += "\n".join(lines)
    errors = [row["calibration_error"] for row in m["evidence"] if row.get("calibration_error") is not None]
    if m.get("calibration") is not None:
        text += _calibration(Calibration.from_json(m["calibration"]))
    elif errors and max(errors) > MAX_CALIBRATION_ERROR:
        text += (
            f"\n\n**The probabilities are not to be trusted**: their calibration error is {max(errors):.3f}, and more "
            f"than {MAX_CALIBRATION_ERROR} is too much. A review threshold does not hold what it says."
        )
    elif errors:
        text += f"\n\nCalibration error of the probabilities: {max(errors):.3f} (largest of the files)."
    for backend, row in m["parity"].get("int8", {}).items():
        text += (
            f"\n\n{_backend(backend)} int8 against f32: {100 * row['drop']:.2f} points of accuracy lost, same label "
            f"for {percent(row['agreement'])} of the images, largest difference in a probability "
            f"{row['largest_difference']:.3f}, McNemar {row['mcnemar']['b']} : {row['mcnemar']['c']} "
            f"(p = {row['mcnemar']['p']:.3f})."
        )
    rewritten = m["parity"].get("onnx_rewritten")
    if rewritten is not None:
        images = rewritten.get("images", rewritten.get("pictures"))
        text += (
            "\n\nThe ONNX Runtime file was rewritten after that, so that its layers run as integer operators: against "
            f"the file before, same label for {percent(rewritten['agreement'])} of {images} validation "
            f"images, largest difference in a probability {rewritten['largest_difference']:.3f}."
        )
    share = (m.get("int8_share") or {}).get("onnx")
    if share is not None:
        text += (
            f"\n\nONNX Runtime runs {percent(share)} of the multiply-adds of the int8 file as integer operators "
            "(read back from its optimized graph)."
        )
    return text + _isa(m["lineage"].get("isa"), " by their upright view" if _averaged(m) else "")


def _calibration(found: Calibration) -> str:
    """Describe the temperature that the probabilities are used with."""
    text = f"\n\nThe probabilities are calibrated with a temperature of {found.temperature:.3f}, after the graph"
    if found.before is None or found.after is None:
        return f"{text}."
    return (
        f"{text}: on the {found.n} validation images that it was fitted on, the expected calibration error goes from "
        f"{found.before.width:.3f} to {found.after.width:.3f} (bins of equal width; of equal mass: "
        f"{found.before.mass:.3f} to {found.after.mass:.3f}), the Brier score from {found.before.brier:.4f} to "
        f"{found.after.brier:.4f}."
    )


def _isa(found: Mapping[str, Any] | None, how: str = "") -> str:
    """Report predictions on a CPU without VNNI, if they were measured (`edgewbc quantize --check-isa`).

    Args:
        found: entry of the lineage.
        how: words on how `quantize` labels cells, where the bundle does otherwise.
    """
    if found is None or found["same_isa"]:
        return ""
    native, limited = found["native"], found["avx2"]
    return (
        f"\n\nOpenVINO int8 on a CPU without VNNI ({limited['isa']}, simulated) against {native['isa']}: same label "
        f"for {percent(found['agreement'])} of {found['n']} validation images, {limited['correct']} and "
        f"{native['correct']} of them correct{how}, largest difference in a probability "
        f"{found['largest_difference']:.3f}."
    )


def _input(m: Mapping[str, Any]) -> str:
    spec = PixelSpec.from_dict(m["pixels"])
    crop = {
        "whole": "the whole image",
        "centre": f"the central {spec.size} x {spec.size} pixels (all of a smaller image)",
        "box": f"a square of {spec.scale:g} times the longer side of the cell's bounding box (the whole image "
        "if there is none)",
        "cell": f"a square around the nucleus of the white cell, of {spec.size} pixels at the scale of the training "
        "images, in their background and stain (edgewbc learns scale, background and stain of a microscope from its "
        "images: `edgewbc microscope learn`)",
    }[spec.crop]
    outputs = m["outputs"]
    return (
        "## Input and output\n\n"
        f"`image`: uint8, (n, {spec.height}, {spec.width}, 3), RGB. Take {crop}, resize it to {spec.height} x "
        f"{spec.width} (area averaging), and pass it unscaled: normalization and softmax are part of the graph."
        f"{_mean_of_views(m)}\n\n"
        f"`probabilities`: float32, (n, {outputs['probabilities']}), in the order of the classes above. `features`: "
        f"float32, (n, {outputs['features']}), the input of the dense layers; `{m['head']}` has those layers as plain "
        f"arrays. The feature map before pooling, (n, {', '.join(str(v) for v in outputs['map'])}), is named `map` and "
        "can be added as an output."
    )


def _mean_of_views(m: Mapping[str, Any]) -> str:
    """Describe the views that the label is taken from; empty where it is the upright one alone."""
    count = _averaged(m)
    if not count:
        return ""
    views = Views.from_json(m["views"])
    scales = " and ".join(f"{scale:g}" for scale in views.scales)
    turned = {1: "upright", 2: "upright and turned by half", 4: "upright and turned by quarters"}[views.turns]
    sides = f", and cut out with {scales} times the side" if scales else ""
    return (
        f" A cell is looked at in {count} views, {turned}{sides}; its probabilities are the arithmetic mean of those "
        "of the views, calibrated after the mean is taken."
    )


def _verification(m: Mapping[str, Any]) -> str:
    onnx = [f"{p} within {t:g}" for p, t in m["golden"].get("tolerance_onnx", {}).items()]
    return (
        "## How to check it\n\n"
        "    sha256sum -c SHA256SUMS\n"
        "    edgewbc selftest --model .\n\n"
        "The first checks that no file has changed. The second classifies the golden samples, which the toolkit drew, "
        "and compares the probabilities with those at the time of export "
        f"({', '.join(f'{p} within {t:g}' for p, t in m['golden']['tolerance'].items())} in probability)."
        + ("" if not onnx else f" With `--backend onnx` it does so for ONNX Runtime ({', '.join(onnx)}).")
    )


def _data_license(data: Mapping[str, Any]) -> str:
    """Return the license of the images; bundles of 0.1 call it `licence`."""
    return str(data.get("license", data.get("licence", "")))


def _license(m: Mapping[str, Any]) -> str:
    text = f"## License\n\nThe weights: {m.get('weights_license') or 'not stated'}."
    if m["data"] and _data_license(m["data"]):
        text += f" The images they were trained on: {_data_license(m['data'])}; this bundle contains none of them."
    if _from_imagenet(m):
        origin = next((text for name, text in IMAGENET.items() if m["arch"].startswith(name)), "ImageNet weights")
        text += f" The convolutional layers started from {origin}."
    return text


def _steps(m: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the steps that made the network, from first to last."""
    return [each.to_json() for each in Lineage(m["lineage"]).steps]


def _from_imagenet(m: Mapping[str, Any]) -> bool:
    return any("imagenet" in json.dumps(weights).lower() for weights in Lineage(m["lineage"]).everywhere("weights"))


def _backend(name: str) -> str:
    return _BACKENDS.get(name, name)
