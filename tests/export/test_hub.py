"""Tests of `edgewbc.export.hub` and of `edgewbc export --as hub`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from edgewbc.bundle.bundle import Bundle
from edgewbc.export import hub
from tests.averaged import averaged_bundle
from tests.tiny import make_bundle


def test_a_folder_for_a_hub(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """It is still a bundle, with a card whose metadata is YAML and a config with the classes; it is not overwritten."""
    bundle = make_bundle(tmp_path / "b", ("neutrophil", "atyp. ly (x)"))
    to = tmp_path / "hub"
    ran = edgewbc("export", tmp_path / "b", "--as", "hub", "--license", "Apache-2.0", "--to", to)
    assert ran.code == 0, ran.err
    again = Bundle.open(to)
    assert again.sums == bundle.sums
    again.verify()
    config = json.loads((to / "config.json").read_text())
    assert config["id2label"] == {"0": "neutrophil", "1": "atyp. ly (x)"}
    assert config["input"] == {"dtype": "uint8", "layout": "NHWC", "color": "RGB", "height": 16, "width": 16}
    assert config["default_precision"] == "int8"
    _, head, text = (to / "README.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert metadata["license"] == "apache-2.0"
    assert metadata["pipeline_tag"] == "image-classification"
    assert {"openvino", "int8"} <= set(metadata["tags"])
    assert "edgewbc classify images" in text
    assert edgewbc("export", tmp_path / "b", "--as", "hub", "--to", to).code == 2


def test_the_views_of_a_bundle_that_locates_cells_are_named(tmp_path: Path) -> None:
    """And which of them the label is taken from; others have one view."""
    found = hub.config(averaged_bundle(tmp_path / "b"))
    assert (found["views"], found["label_from"]) == ({"turns": 4, "scales": [0.8, 1.25]}, "mean")
    assert (found := hub.config(make_bundle(tmp_path / "c")))["views"] is None
    assert found["label_from"] == "upright"


def test_the_architecture_is_that_of_the_manifest(tmp_path: Path) -> None:
    """A manifest that does not state one, or states no text, is named after the toolkit."""
    bundle = make_bundle(tmp_path / "b")
    for stated, expected in (({"arch": "edgenet"}, "edgenet"), ({}, "edgewbc"), ({"arch": 3}, "edgewbc")):
        manifest = replace(bundle.manifest, values={"pixels": {}, **stated})
        assert hub.config(replace(bundle, manifest=manifest))["architectures"] == [expected]
