"""What a client of a bundle's network must do by itself: prepare the image, calibrate, and compare with thresholds.

A model server or another toolkit runs the graph alone. This description, as JSON values, holds everything else that
`edgewbc classify` does to one image of one cell, such that another program gives the same label and status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import FAMILIARITY as FAMILIARITY_FILE
from edgewbc.cells import NOT_LEUKOCYTES
from edgewbc.decision.familiarity_info import FamiliarityInfo
from edgewbc.decision.views import LabelFrom
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import PixelSpec
from edgewbc.smear.views import Views

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


@dataclass(frozen=True)
class ClientDescription:
    """What a client has to know of a bundle, beside the graph.

    Attributes:
        name, precision: of the bundle and of the model that is served.
        classes: in the order of the probabilities.
        pixels: how an image is prepared.
        temperature: of the calibration; None without one.
        review_below: probability below which a person checks a label.
        familiarity: what the manifest says of the familiarity statistics, which lie in `FAMILIARITY_FILE` beside the
            description; None without them.
        views: further views of a cell that are looked at; None for the upright one alone.
        label_from: which of the views the label is taken from.
    """

    name: str
    precision: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    temperature: float | None
    review_below: float
    familiarity: FamiliarityInfo | None
    views: Views | None = None
    label_from: LabelFrom = LabelFrom.UPRIGHT

    @classmethod
    def of(cls, bundle: Bundle, precision: str | None = None) -> ClientDescription:
        """Describe a bundle; the precision is that of the model that is served, None for the default one."""
        manifest, calibration = bundle.manifest, bundle.manifest.calibration
        return cls(
            name=bundle.name,
            precision=precision or bundle.default_precision,
            classes=bundle.classes,
            pixels=bundle.pixels,
            temperature=None if calibration is None else calibration.temperature,
            review_below=ReviewThresholds().of_bundle(manifest).of(bundle.classes[0]),  # the same for every class
            familiarity=manifest.familiarity,
            views=manifest.views,
            label_from=manifest.label_from,
        )

    @property
    def calibrate(self) -> str:
        """The formula of the calibration."""
        if self.temperature is None:
            return "use the probabilities as they are"
        return "p[k] = q[k] / sum(q), where q[k] = max(probabilities[k], 1e-12) ** (1 / temperature)"

    @property
    def decide(self) -> str:
        """How a label is taken from the probabilities, and when a person checks it."""
        label = "the label is the class of the largest probability p"
        if self.views is None:
            return f"{label}; if p is below review_below, a person checks it"
        count = len(self.views)
        if self.label_from == LabelFrom.MEAN:
            return (
                f"take the arithmetic mean of the probabilities of the {count} views before calibration, and "
                f"calibrate mean and views; {label} of the mean; if the lowest probability of that class in the mean "
                "or any view is below review_below, a person checks it"
            )
        return (
            f"{label} of the upright view; if the lowest probability of that class in any of the {count} "
            "views is below review_below, a person checks it"
        )

    @property
    def unfamiliar(self) -> str:
        """How an unfamiliar cell is detected, or that it cannot be."""
        return NO_FAMILIARITY if self.familiarity is None else FAMILIARITY

    def to_json(self) -> dict[str, Any]:
        """Return the content of `client.json`."""
        pixels, info = self.pixels, self.familiarity
        return {
            "format": FORMAT,
            "name": self.name,
            "precision": self.precision,
            "classes": list(self.classes),
            "not_leukocytes": [name for name in self.classes if name in NOT_LEUKOCYTES],
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
            if self.temperature is None
            else {"method": "temperature", "temperature": self.temperature},
            "calibrate": self.calibrate,
            "review_below": self.review_below,
            "decide": self.decide,
            "views": None if self.views is None else self.views.to_json(),
            "label_from": str(self.label_from),
            "familiarity": None
            if info is None
            else {"file": FAMILIARITY_FILE, "threshold": info.threshold, "score_threshold": info.score_threshold},
            "unfamiliar": self.unfamiliar,
        }

    def to_text(self) -> str:
        """Return the preparation of an image as a numbered list in Markdown."""
        return "\n".join(f"{number}. {step}" for number, step in enumerate(steps(self.pixels), 1))


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
            "Locate the cell, bring it to the size and colors of `reference`, and cut it, and its other `views`: "
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
