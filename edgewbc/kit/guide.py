"""Fill in the kit's guide: one self-contained HTML page, for the screen or for printing in black and white."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from edgewbc.images.encode import encode
from edgewbc.pixels import Image
from edgewbc.synth.cells import draw_cell

SIZE = 72  # pixels of a drawn cell
BLUR = 3.5  # standard deviation, in pixels, for the cell that needs review

# Label, seed of the drawing, probability, status, action for the technician.
ROWS = (
    ("neutrophil", 3, "0.998431", "ok", "Nothing: it is counted."),
    ("lymphocyte", 5, "0.995310", "ok", "Nothing: it is counted."),
    ("monocyte", 8, "0.583120", "review", "Look at it, and decide."),
    ("", None, "", "error", "The file cannot be read; the column reason says why."),
)


def rows() -> str:
    """Return the rows of the example table as HTML. The cells are synthetic: no image of a data set is used."""
    shown = []
    for number, (label, seed, probability, status, action) in enumerate(ROWS, start=1):
        cell = "-" if seed is None else _image(label, seed, blurred=status == "review")
        values = [cell, *map(html.escape, (f"smear-17/{number:03d}.jpg", label, probability, status, action))]
        mark = ' class="review"' if status == "review" else ""
        shown.append(f"<tr{mark}>" + "".join(f"<td>{value}</td>" for value in values) + "</tr>")
    return "\n    ".join(shown)


def _image(label: str, seed: int, blurred: bool) -> str:
    image: Image = draw_cell(label, np.random.default_rng(seed), SIZE)
    if blurred:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR), dtype=np.uint8)
    encoded = encode(image, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 85))
    source = f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
    return f'<img alt="{"a blurred cell" if blurred else f"a {label}"}" src="{source}">'


def values(facts: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """Return the HTML values of the guide's placeholders.

    Args:
        facts: unescaped text by placeholder.
        classes: classes of the model.
    """
    names = [f"{name}s" for name in classes]
    escaped = {name: html.escape(text, quote=False) for name, text in facts.items()}
    return escaped | {"ROWS": rows(), "CLASSES": html.escape(", ".join(names[:-1]) + f" and {names[-1]}")}
