"""The cell types of a differential: class names in their fixed order, abbreviations, and the reference accuracy."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
"""The five types of a differential, in the order in which labs report them."""

OTHER_CLASSES: Final = ("immature granulocyte", "erythroblast", "platelet")
"""What eight-class networks tell apart besides: the first is a white cell of the differential, the others are not."""

ERYTHROBLAST: Final = "erythroblast"
PLATELET: Final = "platelet"

NOT_LEUKOCYTES: Final = (ERYTHROBLAST, PLATELET)
"""Classes that are not white cells. Erythroblasts are reported per 100 white cells; platelets are left out."""

POSTER_CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
"""The four classes of the reference poster: its data set (BCCD) has only three basophils."""

SHORT: Final = {
    "neutrophil": "NEU",
    "lymphocyte": "LYM",
    "monocyte": "MON",
    "eosinophil": "EOS",
    "basophil": "BAS",
    "immature granulocyte": "IG",
    "erythroblast": "ERB",
    "platelet": "PLT",
}


SHORT_NAMES: Final = {
    "neutrophil": ("seg", "segs", "segmented", "band", "bands", "stab", "neu", "neut", "neutro", "neutrophils"),
    "lymphocyte": ("ly", "lym", "lymph", "lympho", "lymphocytes"),
    "monocyte": ("mo", "mon", "mono", "monocytes"),
    "eosinophil": ("eo", "eos", "eosino", "eosinophils"),
    "basophil": ("ba", "bas", "baso", "basophils"),
    "immature granulocyte": ("ig", "igs", "immature granulocytes"),
    "erythroblast": ("erb", "ebl", "nrbc", "nrbcs", "erythroblasts", "normoblast", "normoblasts"),
    "platelet": ("plt", "plts", "platelets", "thrombocyte", "thrombocytes"),
}
"""Names that laboratories give to the cell types."""


def meant(names: Sequence[str]) -> dict[str, str]:
    """Return the cell type of each class name that is not one itself, but looks like one."""
    types = {short: name for name, shorts in SHORT_NAMES.items() for short in shorts}
    plain = {name: " ".join(name.casefold().replace("_", " ").split()) for name in names}
    return {name: types[key] for name, key in plain.items() if key in types}


def advice(names: Sequence[str]) -> str:
    """Return what to do about class names that only look like cell types; empty if there are none."""
    found = meant(names)
    if not found:
        return ""
    wrong = [name for name, cell in found.items() if cell in NOT_LEUKOCYTES]
    cost = f"; as they are, {' and '.join(wrong)} would be counted as white cells" if wrong else ""
    pairs = ",".join(f"{name}={cell}" for name, cell in found.items())
    return f"a differential knows cell types by their full names{cost}: rename labels with --map '{pairs}'"


@dataclass(frozen=True)
class PublishedAccuracy:
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


REFERENCE: Final = PublishedAccuracy(
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
    known = [name for name in (*CLASSES, *OTHER_CLASSES) if name in names]
    return tuple(known + sorted(set(names) - set(known)))


LONGEST_NAME = 100
"""Longest name of a class, in characters."""
MAX_CLASSES = 1000
"""Maximum number of classes that a model may have."""


def problem(names: Sequence[object]) -> str:
    """Return what is wrong with class names, which go into tables and files; empty if nothing is."""
    if not 0 < len(names) <= MAX_CLASSES:
        return f"{len(names)} classes; there must be 1 to {MAX_CLASSES}"
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            return f"class {str(name)[:80]!r} is not a name"
        if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            return f"class {name[:80]!r} is empty, too long, or has blanks at its ends or control characters"
        if name[0] in "=+-@":
            return f"class {name[:80]!r} begins with {name[0]}, which a spreadsheet takes for a formula"
        key = " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())
        if key in seen:
            return f"class {name[:80]!r} occurs twice"
        seen.add(key)
    return ""
