"""A network described by name, run or bundle."""

from __future__ import annotations

import pytest

from edgewbc.cells import CLASSES
from edgewbc.cli import network_info
from edgewbc.errors import UserError
from tests.tiny_run import trained


def test_published_numbers_of_vgg16() -> None:
    """138,357,544 parameters and 15.47 billion multiply-adds at 224 x 224 (Simonyan and Zisserman 2015)."""
    spec = network_info.resolve("vgg16")
    assert (len(spec.classes), network_info.net_and_size(spec)) == (1000, "vgg16flatten at 224 x 224")
    found = network_info.info(spec)
    assert found.parameters == 138_357_544
    assert found.macs == pytest.approx(15.47e9, rel=1e-3)
    assert found.parts["features"] == 14_714_688
    assert found.parts["features"] + found.parts["head"] == found.parameters


def test_frozen_blocks_are_not_trainable() -> None:
    """Each block takes its convolutions with it; more blocks than there are freeze all."""
    spec = network_info.resolve("vgg16gap", size=(32, 32))
    assert spec.classes == CLASSES
    two = 3 * 64 * 9 + 64 + 64 * 64 * 9 + 64
    free, one, every = (network_info.info(spec, frozen) for frozen in (0, 1, 99))
    assert free.trainable == free.parameters
    assert free.trainable - one.trainable == two
    assert every.trainable == every.parts["head"]


def test_what_cannot_be_described() -> None:
    """Unknown names, an input that is too small, and another number of classes than a run's."""
    with pytest.raises(UserError, match="nothing: neither a run, a bundle, nor one of vgg16gap"):
        network_info.resolve("nothing")
    with pytest.raises(UserError, match="vgg16gap at 8 x 8: so small an input|vgg16gap at 8 x 8: "):
        network_info.info(network_info.resolve("vgg16gap", size=(8, 8)))
    run, manifest = trained()
    assert network_info.resolve(str(run), size=(40, 44)).pixels.width == 44
    with pytest.raises(UserError, match="--classes is for the name of an architecture"):
        network_info.resolve(str(run), len(manifest.classes) + 1)
