"""Facts that an OpenVINO IR states of itself."""

from __future__ import annotations

from edgewbc.bundle import ir_file
from edgewbc.bundle.model_facts import ModelFacts
from tests.bundle.ir_text import ir


def test_reads_what_an_ir_says() -> None:
    """Labels by section, input size, and the types of all layers."""
    own = '<edgewbc><labels value="[&quot;a c&quot;, &quot;b&quot;]"/></edgewbc>'
    both = '<model_info><labels value="a_c b"/></model_info>' + own
    labels = {"model_info": ("a_c", "b"), "edgewbc": ("a c", "b")}
    assert ir_file.facts(ir(both)) == ModelFacts(labels, (8, 8), frozenset({"Parameter", "ReLU"}))
