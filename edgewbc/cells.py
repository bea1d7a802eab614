"""The cells of a differential: class names in their one order, short names, colours."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Reference:
    """An accuracy that is a yardstick, and the protocol under which it was reached.

    Attributes:
        accuracy: share of 0..1.
        protocol: of the manifest under which it can be checked like for like.
        n: pictures that were tested.
        classes: that were told apart.
        what: the protocol in words.
    """

    accuracy: float
    protocol: str
    n: int
    classes: tuple[str, ...]
    what: str


REFERENCE: Final = Reference(
    accuracy=0.99,
    protocol="poster",
    n=2503,
    classes=POSTER_CLASSES,
    what="a random 20 % of an augmented set, in which augmentations of one picture stand on both sides",
)
"""What the poster reports (~99 %) for VGG16 with global average pooling."""

REFERENCE_ACCURACY: Final = REFERENCE.accuracy


def in_order(names: set[str] | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Class names without repeats: those of the differential first, in their order, others after them by name."""
    known = [name for name in CLASSES if name in names]
    return tuple(known + sorted(set(names) - set(CLASSES)))
