"""Labels that a person may give a cell."""

from __future__ import annotations

import pytest

from edgewbc.cases import labels
from edgewbc.errors import UserError


def test_a_bundles_own_classes_come_after_the_white_cells() -> None:
    """Known labels are there whatever the classes; what is not a white cell comes last."""
    found = labels.allowed(["band", "monocyte", "erythroblast"])
    assert found[:2] == ("neutrophil", "lymphocyte")
    assert found[-4:] == ("band", "erythroblast", "platelet", "not a cell")
    assert len(found) == len(set(found))


def test_an_unknown_label_is_refused() -> None:
    """The message lists what may be given."""
    assert labels.check("blast", []) == "blast"
    with pytest.raises(UserError, match="'band' is not a label of a cell: use one of neutrophil, lymphocyte"):
        labels.check("band", [])
    assert labels.check("band", ["band"]) == "band"
    assert (labels.title("other"), labels.title("monocyte")) == ("other white cell", "monocyte")
