"""The cell types of a differential: class names in their fixed order, abbreviations, and the reference accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
"""The five types of a differential, in the order in which labs report them."""

POSTER_CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
"""The four classes of the reference poster: its data set (BCCD) has only three basophils."""

SHORT: Final = {"neutrophil": "NEU", "lymphocyte": "LYM", "monocyte": "MON", "eosinophil": "EOS", "basophil": "BAS"}


@dataclass(frozen=True)
class Reference:
    """A published accuracy, and the protocol under which it was measured.

    Attributes:
        accuracy: fraction, 0 to 1.
        protocol: name of the manifest protocol that reproduces its conditions.
        n: number of test images.
        classes: that were distinguished.
        what: description of the protocol.
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
    what="a random 20 % of an augmented set, in which augmentations of one image are on both sides",
)
"""The poster's figure (~99 %) for VGG16 with global average pooling."""

REFERENCE_ACCURACY: Final = REFERENCE.accuracy


def in_order(names: set[str] | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return class names without duplicates: those of the differential first, in their order, then others by name."""
    known = [name for name in CLASSES if name in names]
    return tuple(known + sorted(set(names) - set(CLASSES)))
