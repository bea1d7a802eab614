"""What a client of a bundle's network must do by itself: prepare the image, calibrate, and compare with thresholds.

A model server or another toolkit runs the graph alone. This description, as JSON values, holds everything else that
`edgewbc classify` does to one image of one cell, such that another program gives the same label and status.
"""

from __future__ import annotations

from typing import Any, Final

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import NOT_LEUKOCYTES
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import PixelSpec

CLIENT: Final = "client.json"
FORMAT: Final = 1
FAMILIARITY: Final = (
    "The outputs alone do not tell an unfamiliar cell, such as a blast, from the classes: before a cell is counted, "
    "compare its features with familiarity.npz (edgewbc.decision.familiarity.Familiarity) and count it only if "
    "its distance is at most the threshold and, where there is a score_threshold, its score at most that."
)
NO_FAMILIARITY: Final = (
    "This model cannot tell unfamiliar cells, such as blasts: a person must look at every image before it is counted."
)


def describe(bundle: Bundle, precision: str | None = None) -> dict[str, Any]:
    """Return the description as JSON values.

    Args:
        bundle: the bundle.
        precision: of the model that is served; None takes the default one.
    """
    manifest, pixels = bundle.manifest, bundle.pixels
    thresholds = ReviewThresholds().of_bundle(manifest)
    calibration, info = manifest.calibration, manifest.familiarity
    return {
        "format": FORMAT,
        "name": bundle.name,
        "precision": precision or bundle.default_precision,
        "classes": list(bundle.classes),
        "not_leukocytes": [name for name in bundle.classes if name in NOT_LEUKOCYTES],
        "input": {
            "name": "image",
            "dtype": "uint8",
            "layout": "NHWC",
            "color": "RGB",
            "height": pixels.height,
            "width": pixels.width,
            "scaling": "none: mean and standard deviation are part of the graph",
        },
        "crop": {
            "kind": pixels.crop,
            "size": pixels.size if pixels.crop in ("centre", "cell") else None,
            "scale": pixels.scale if pixels.crop == "box" else None,
            "reference": None if pixels.reference is None else pixels.reference.to_json(),
        },
        "steps": steps(pixels),
        "outputs": {
            "probabilities": "float32 (n, classes), sum 1, in the order of `classes`; not calibrated",
            "features": "float32 (n, d), of the layer before the classes",
        },
        "calibration": None
        if calibration is None
        else {"method": "temperature", "temperature": calibration.temperature},
        "calibrate": (
            "use the probabilities as they are"
            if calibration is None
            else "p[k] = q[k] / sum(q), where q[k] = max(probabilities[k], 1e-12) ** (1 / temperature)"
        ),
        "review_below": thresholds.default,
        "decide": "the label is the class of the largest probability p; if p is below review_below, a person checks it",
        "familiarity": None
        if info is None
        else {"file": info.file, "threshold": info.threshold, "score_threshold": info.score_threshold},
        "unfamiliar": NO_FAMILIARITY if info is None else FAMILIARITY,
    }


def steps(pixels: PixelSpec) -> list[str]:
    """Return the preparation of an image as sentences, in order."""
    found = ["Decode the image to 8-bit RGB, and turn it upright as its EXIF orientation says."]
    if pixels.crop == "centre":
        side = pixels.size
        found.append(
            f"If height and width are at least {side}, cut the square of {side} x {side} pixels whose left edge is "
            f"floor((width - {side}) / 2) and whose top edge is floor((height - {side}) / 2); otherwise use the whole "
            "image."
        )
    elif pixels.crop == "box":
        found.append(
            f"Cut the square of side max(1, round({pixels.scale:g} * the longer side of the cell's box)) around the "
            "center of the box; left and top are round(center - side / 2), rounded half to even; beyond the edges, "
            "repeat the edge pixels. Without a box, use the whole image."
        )
    elif pixels.crop == "cell":
        found.append(
            "Locate the cell, bring it to the size and colors of `reference`, and cut it: "
            "edgewbc.smear.prepare.Preparer does all of it, and nothing shorter gives the same pixels."
        )
        return [*found, "Send the result as uint8, without scaling, as a tensor."]
    else:
        found.append("Use the whole image.")
    return [
        *found,
        f"Resize to {pixels.height} rows and {pixels.width} columns in one step, as OpenCV's cv2.resize does: "
        "INTER_AREA if the part has at least so many rows and columns, otherwise INTER_LINEAR.",
        "Send the result as uint8, without scaling, as a tensor; a server that decodes or resizes an encoded "
        "image itself gives other pixels.",
    ]
