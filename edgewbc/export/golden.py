"""Golden samples: synthetic pictures that travel with a bundle, and what its files say of them where it is exported.

No picture of any data set is among them, and no accuracy can be read from them: they show whether a model answers
elsewhere as it did here.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.paths import GOLDEN
from edgewbc.cells import CLASSES
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Prediction
from edgewbc.synth.cells import draw_cell
from edgewbc.utils.files import write_text

FORMAT = 1
SEED = 20
TOLERANCE = {"f32": 1e-3, "int8": 0.05}
"""Largest difference in a probability to what is expected, by precision: int8 is rounded otherwise on other CPUs."""


def draw(folder: Path, classes: Sequence[str], spec: PixelSpec, each: int = 2, seed: int = SEED) -> list[str]:
    """Draw `each` cells of every class into `folder`/golden; gives their names, such as golden/00-neutrophil.png.

    They are a tenth larger than what the network sees of them, so that the crop and the resize are checked too. A class
    that is not of the differential is drawn as one of it: the samples need variety, not truth.
    """
    seen = max(spec.size if spec.crop == "centre" else 0, spec.height, spec.width)
    names = []
    for number in range(each * len(classes)):
        label = classes[number % len(classes)]
        drawn = label if label in CLASSES else CLASSES[number % len(CLASSES)]
        picture = draw_cell(drawn, np.random.default_rng([seed, number]), size=math.ceil(1.1 * seen))
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in label)
        names.append(f"golden/{number:02d}-{plain}.png")
        (folder / "golden").mkdir(parents=True, exist_ok=True)
        (folder / names[-1]).write_bytes(encode(picture, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 9)))
    return names


def read(folder: Path, names: Sequence[str], spec: PixelSpec) -> NDArray[np.uint8]:
    """The samples as the network sees them, from their files' bytes: uint8 (n, height, width, 3)."""
    return np.stack([prepare(decode((folder / name).read_bytes()).image, spec) for name in names])


def expect(folder: Path, names: Sequence[str], spec: PixelSpec, irs: Mapping[str, Path]) -> None:
    """Ask the saved IRs, by precision, of every sample, one by one as `selftest` does, and write expected.json."""
    inputs = read(folder, names, spec)
    samples: list[dict[str, Any]] = [
        {"file": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(), "expected": {}}
        for name in names
    ]
    for precision, xml in irs.items():
        weights = xml.with_suffix(".bin").read_bytes()
        engine = OpenVINOPredictor(xml.read_bytes(), weights, precision=precision, name=str(xml))
        for sample, picture in zip(samples, inputs, strict=True):
            sample["expected"][precision] = _told(engine(picture[None]))
    lines = ",\n".join(json.dumps(sample) for sample in samples)  # a line a sample, not a line a number
    write_text(folder / GOLDEN, f'{{"format": {FORMAT}, "samples": [\n{lines}\n]}}\n')


def _told(answer: Prediction) -> dict[str, list[float]]:
    """Numbers with the seven digits that float32 has."""
    parts = {"probabilities": answer.probabilities[0], "features": answer.features[0]}
    return {name: [float(f"{value:.7g}") for value in values] for name, values in parts.items()}
