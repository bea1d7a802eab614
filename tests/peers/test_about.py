"""peerbench.about: what is known of a network before it is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from peerbench import about

from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from tests import tiny

MACS = 16 * 16 * 8 * 27 + 8 * 5
"""Of the tiny network: 3 x 3 x 3 to eight channels at each of 16 x 16 places, and a dense layer."""


def test_multiply_adds_of_a_file_are_those_of_the_size_that_is_measured(tmp_path: Path) -> None:
    """The size comes from the inputs, as a peer may write a file for any size."""
    tiny.make_bundle(tmp_path / "b")
    row = {"xml": str(tmp_path / "b/openvino/f32.xml"), "inputs": {"shape": [40, 16, 16, 3]}}
    assert about.gmac_of_row(row) == MACS / 1e9
    assert about.gmac_of_row({"inputs": {"shape": [1, 2]}}) is None
    assert about.gmac(about.model(tmp_path / "b", "bundle"), None) == MACS / 1e9


def test_the_architecture_is_what_a_bundle_tells(tmp_path: Path) -> None:
    """None where its maker left it out."""
    for name, more in (("b", {"arch": "edgenet"}), ("c", {})):
        tiny.make_bundle(tmp_path / name, **more)
    assert about.arch(about.model(tmp_path / "b", "bundle")) == "edgenet"
    assert about.arch(about.model(tmp_path / "c", "bundle")) is None


def test_the_architecture_of_a_run_is_that_of_its_network() -> None:
    """Of the one that is released."""
    assert (
        about.arch(about.model(Path(__file__).parents[2] / "export/networks/vgg16gap-112", "run folder")) == "vgg16gap"
    )


def test_a_crop_is_what_is_seen_and_no_more() -> None:
    """The size of a centre crop counts; a scale that is not used does not."""
    assert about.crop(PixelSpec(8, 8, "centre", 20, 1.3)) == about.crop(PixelSpec(16, 16, "centre", 20, 1.0))
    assert about.crop(PixelSpec(8, 8, "centre", 20)) != about.crop(PixelSpec(8, 8, "centre", 21))
    assert about.crop(PixelSpec(8, 8, "box", scale=1.3)) != about.crop(PixelSpec(8, 8, "box", scale=1.5))


def test_minutes_are_the_sum_of_the_epochs(tmp_path: Path) -> None:
    """As a run's metrics have them; None where there are none."""
    assert about.minutes(tmp_path) is None
    lines = [json.dumps({"epoch": n, "seconds": 90.0}) for n in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert about.minutes(tmp_path) == 3.0


def test_what_is_named_as_a_run_must_be_one(tmp_path: Path) -> None:
    """A bundle is no run folder."""
    tiny.make_bundle(tmp_path / "b")
    with pytest.raises(UserError, match="is not a run folder"):
        about.model(tmp_path / "b", "run folder")
