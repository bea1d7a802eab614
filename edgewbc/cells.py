"""The cell types of a differential: class names in their fixed order, abbreviations, and the reference accuracy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CLASSES: Final = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
"""The five types of a differential, in the order in which labs report them."""

OTHER_CLASSES: Final = ("immature granulocyte", "erythroblast", "platelet")
"""What eight-class networks tell apart besides: the first is a white cell of the differential, the others are not."""

CELL_TYPES: Final = (*CLASSES, *OTHER_CLASSES)
"""Every type that a shipped network tells apart."""

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


NOT_WHITE_CELLS: Final = frozenset(
    {
        "rbc",
        "rbcs",
        "erythrocyte",
        "erythrocytes",
        "artifact",
        "artifacts",
        "artefact",
        "artefacts",
        "debris",
        "background",
    }
)
"""Words in names of classes that hold no white cells, besides erythroblasts and platelets."""


def meant(names: Sequence[str]) -> dict[str, str]:
    """Return the cell type of each class name that is not one itself, but looks like one.

    It is one of `SHORT_NAMES`, or all of its words are of one cell type, such as `Seg. Neutrophil`.
    """
    types = _types()
    found = {}
    for name in names:
        words = _words(name)
        of_words = {types.get(word) for word in words}
        cell = types.get(" ".join(words)) or (of_words.pop() if len(of_words) == 1 else None)
        if cell is not None and name not in SHORT:
            found[name] = cell
    return found


def no_white_cells(names: Sequence[str]) -> list[str]:
    """Return the class names that a differential counts as white cells although a word of theirs names something else.

    `platelet clump` and `plt/nrbc` are such names; `platelet` and `erythroblast` are not, as the differential knows
    them.
    """
    types = _types()
    others = {word for word, cell in types.items() if cell in NOT_LEUKOCYTES} | NOT_WHITE_CELLS
    return [name for name in names if name not in NOT_LEUKOCYTES and others & {" ".join(_words(name)), *_words(name)}]


def _types() -> dict[str, str]:
    """Return the cell type of each name and short name."""
    return {name: name for name in SHORT} | {short: name for name, shorts in SHORT_NAMES.items() for short in shorts}


def _words(name: str) -> list[str]:
    """Return the words of a class name, in lower case and without punctuation."""
    return re.findall(r"[^\W_]+", name.casefold())


def advice(names: Sequence[str]) -> str:
    """Return what to do about class names that only look like cell types; empty if there are none."""
    found, others = meant(names), no_white_cells(names)
    said = []
    if found:
        wrong = [name for name in others if name in found]
        cost = f"; as they are, {' and '.join(wrong)} would be counted as white cells" if wrong else ""
        pairs = ",".join(f"{name}={cell}" for name, cell in found.items())
        said.append(f"a differential knows cell types by their full names{cost}: rename labels with --map '{pairs}'")
    if rest := [name for name in others if name not in found]:
        said.append(
            f"{' and '.join(rest)} would be counted as white cells: leave such cells out with --classes, or give "
            "platelets and erythroblasts classes of their own"
        )
    return "; ".join(said)


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
    known = [name for name in CELL_TYPES if name in names]
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
