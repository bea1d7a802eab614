"""Names of cell types: their order, which lists of names are accepted, and short names."""

from __future__ import annotations

import pytest

from edgewbc import cells


def test_order_is_that_of_a_differential() -> None:
    """The five types first, then the other known classes, then unknown names by name; each once."""
    assert cells.in_order(["zebra", "platelet", "basophil", "neutrophil", "alpha", "basophil"]) == (
        "neutrophil",
        "basophil",
        "platelet",
        "alpha",
        "zebra",
    )


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("neutrophil", "atyp. ly (x)"), ""),
        ((), "0 classes; there must be 1 to 1000"),
        (tuple(f"c{n}" for n in range(1001)), "1001 classes"),
        (("a", 7), "class '7' is not a name"),
        (("a", " b"), "has blanks at its ends"),
        (("a\n",), "has blanks at its ends or control characters"),
        (("x" * 101,), "too long"),
        (("=1+1",), "begins with =, which a spreadsheet takes for a formula"),
        (("Band_Cell", "band cell"), "class 'band cell' occurs twice"),
        (("\u00e9", "e\u0301"), "occurs twice"),
    ],
)
def test_names_that_cannot_be_used(names: tuple[object, ...], problem: str) -> None:
    """Names go into tables and files, so two spellings of one name, formulas and control characters are refused."""
    found = cells.problem(names)
    assert problem in found
    assert (found == "") == (problem == "")


def test_short_names_mean_cell_types() -> None:
    """Short names and plurals in any case; the types themselves and unknown names mean nothing else."""
    names = ("Seg", "ly", "MONO", "Eo", "Baso", "IG", "NRBC", "Plt", "immature_granulocytes", "smudge", "platelet")
    assert cells.meant(names) == {
        "Seg": "neutrophil", "ly": "lymphocyte", "MONO": "monocyte", "Eo": "eosinophil", "Baso": "basophil",
        "IG": "immature granulocyte", "NRBC": "erythroblast", "Plt": "platelet",
        "immature_granulocytes": "immature granulocyte",
    }  # fmt: skip
    every = [short for shorts in cells.SHORT_NAMES.values() for short in shorts]
    assert len(every) == len(set(every))
    assert not set(every) & {*cells.CLASSES, *cells.OTHER_CLASSES}


def test_names_of_several_words() -> None:
    """Words of one cell type mean it; words of two, or with others, mean none."""
    names = (
        "Seg. Neutrophil",
        "segmented_neutrophil",
        "immature_granulocyte",
        "plt/nrbc",
        "giant platelet",
        "neutrophil",
    )
    assert cells.meant(names) == {
        "Seg. Neutrophil": "neutrophil", "segmented_neutrophil": "neutrophil",
        "immature_granulocyte": "immature granulocyte",
    }  # fmt: skip


def test_names_that_are_not_white_cells() -> None:
    """What a differential would count although the name says otherwise; it knows erythroblasts and platelets."""
    names = (*cells.CLASSES, *cells.OTHER_CLASSES, "plt/nrbc", "Platelet clump", "RBC", "A&B", "smudge", "\u5355\u6838")
    assert cells.no_white_cells(names) == ["plt/nrbc", "Platelet clump", "RBC"]
    assert cells.advice(("plt/nrbc", "seg")) == (
        "a differential knows cell types by their full names: rename labels with --map 'seg=neutrophil'; plt/nrbc "
        "would be counted as white cells: leave such cells out with --classes, or give platelets and erythroblasts "
        "classes of their own"
    )


def test_advice() -> None:
    """It names what would be counted as white cells, and nothing where all names are known or unknown."""
    assert cells.advice((*cells.CLASSES, *cells.OTHER_CLASSES, "smudge")) == ""
    assert "be counted" not in cells.advice(("seg", "smudge"))
    assert (
        "nrbc and plt would be counted as white cells: rename labels with --map 'nrbc=erythroblast,plt=platelet'"
        in (cells.advice(("nrbc", "plt")))
    )
