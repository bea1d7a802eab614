"""The cells of a differential: class names in their one order, short names, colours."""

from __future__ import annotations

from typing import Final

CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
"""The five types of a differential, in the order in which labs report them."""

POSTER_CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
"""The four classes of the poster: its data set (BCCD) has only three basophils."""

SHORT: Final = {"neutrophil": "NEU", "lymphocyte": "LYM", "monocyte": "MON", "eosinophil": "EOS", "basophil": "BAS"}

# Okabe and Ito's palette, told apart by colour-blind readers: https://jfly.uni-koeln.de/color/
COLOURS: Final = {
    "neutrophil": "#0072B2",
    "lymphocyte": "#009E73",
    "monocyte": "#CC79A7",
    "eosinophil": "#D55E00",
    "basophil": "#56B4E9",
}

REFERENCE_ACCURACY: Final = 0.99
"""What the poster reports for VGG16 with global average pooling, under the protocol `poster`: a random 20 % of an
augmented set, in which augmentations of one picture stand on both sides."""


def in_order(names: set[str] | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Class names without repeats: those of the differential first, in their order, others after them by name."""
    known = [name for name in CLASSES if name in names]
    return tuple(known + sorted(set(names) - set(CLASSES)))
