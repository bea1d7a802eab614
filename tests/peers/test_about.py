"""peerbench.about: facts about a network that need no measurement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from peerbench import about

from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from tests import tiny

MACS = 16 * 16 * 8 * 27 + 8 * 5
"""Of the tiny network: a 3 x 3 convolution of 3 to 8 channels at 16 x 16, and a dense layer."""


def test_multiply_adds_are_counted_at_the_measured_size(tmp_path: Path) -> None:
    """The input size is taken from the inputs, because a peer may write a file for any size."""
    tiny.make_bundle(tmp_path / "b")
    row = {"xml": str(tmp_path / "b/openvino/f32.xml"), "inputs": {"shape": [40, 16, 16, 3]}}
    assert about.gmac_of_row(row) == MACS / 1e9
    assert about.gmac_of_row({"inputs": {"shape": [1, 2]}}) is None
    assert about.gmac(about.model(tmp_path / "b", "bundle"), None) == MACS / 1e9


def test_architecture_of_a_bundle(tmp_path: Path) -> None:
    """It is read from the manifest; None if it is not stated there."""
    tiny.make_bundle(tmp_path / "b", arch="edgenet")
    tiny.make_bundle(tmp_path / "c")
    assert about.arch(about.model(tmp_path / "b", "bundle")) == "edgenet"
    assert about.arch(about.model(tmp_path / "c", "bundle")) is None


def test_architecture_of_a_run() -> None:
    """The released network is a VGG16-GAP."""
    assert (
        about.arch(about.model(Path(__file__).parents[2] / "export/networks/vgg16gap-112", "run folder")) == "vgg16gap"
    )


def test_crop_ignores_unused_values() -> None:
    """The size of a center crop counts; a scale that the rule does not use does not."""
    assert about.crop(PixelSpec(8, 8, "centre", 20, 1.3)) == about.crop(PixelSpec(16, 16, "centre", 20, 1.0))
    assert about.crop(PixelSpec(8, 8, "centre", 20)) != about.crop(PixelSpec(8, 8, "centre", 21))
    assert about.crop(PixelSpec(8, 8, "box", scale=1.3)) != about.crop(PixelSpec(8, 8, "box", scale=1.5))


def test_minutes_are_the_sum_over_epochs(tmp_path: Path) -> None:
    """They are summed over the epochs in a run's metrics; None without metrics."""
    assert about.minutes(tmp_path) is None
    lines = [json.dumps({"epoch": n, "seconds": 90.0}) for n in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert about.minutes(tmp_path) == 3.0


def test_bundle_is_not_a_run_folder(tmp_path: Path) -> None:
    """A bundle where a run folder is expected is an error."""
    tiny.make_bundle(tmp_path / "b")
    with pytest.raises(UserError, match="is not a run folder"):
        about.model(tmp_path / "b", "run folder")
