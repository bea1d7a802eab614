"""What the trained layers receive: augmented images, or the maps of frozen blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.train.inputs import FrozenInputs, ImageInputs, Normalizer, Setting
from edgewbc.train.recipe import TrainRecipe
from tests.colored import make_manifest

OPTIONS = TrainRecipe.model_validate(
    {
        "name": "inputs",
        "weights": "none",
        "model": {"arch": "edgenet", "channels": ["/", 8, 8], "input": {"height": 16, "width": 16}},
        "fit": {"epochs": 1, "batch": 8, "precision": "f32", "workers": 1, "freeze_blocks": 1},
    }
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A few colored cells."""
    return make_manifest(Path(tmp_path_factory.mktemp("cells")), 4)


@pytest.fixture(scope="module")
def setting(manifest: Manifest) -> Setting:
    """A training on the CPU."""
    spec = OPTIONS.model.spec(manifest.classes)
    return Setting(
        manifest, list(manifest.split("train")), list(manifest.split("val")), spec, OPTIONS.fit, torch.device("cpu")
    )


@pytest.fixture(scope="module")
def net(setting: Setting) -> Network:
    """Its network."""
    torch.manual_seed(0)
    return model.build(setting.spec).eval()


def test_an_epoch_is_the_same_again_and_another_is_not(setting: Setting, net: Network) -> None:
    """The order is the plan's; the number seeds the augmentation; a resumed epoch continues where it stopped."""
    inputs = ImageInputs(setting, Normalizer(net, setting))
    plan = [np.array([3, 1]), np.array([0, 2])]
    first, again, other = (list(inputs.training(plan, number, 0)) for number in (4, 4, 5))
    assert [batch.rows.tolist() for batch in first] == [[3, 1], [0, 2]]
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].x, other[0].x)
    (rest,) = inputs.training(plan, 4, 1)
    assert torch.equal(rest.x, first[1].x)
    assert (first[0].taught, inputs.plan_number(7)) == (None, 7)


def test_validation_images_are_prepared_as_in_evaluation(setting: Setting, net: Network) -> None:
    """Without augmentation, in the order of the rows, normalized by the network's description."""
    inputs = ImageInputs(setting, Normalizer(net, setting))
    rows = np.array([2, 0, 1])
    found = torch.cat(list(inputs.validation(rows, 2)))
    entries = [setting.val[index] for index in rows]
    prepared = next(images.batches(setting.manifest, entries, setting.spec.pixels, 3))
    expected = Deployed(net, setting.spec.pixels).normalize(torch.from_numpy(prepared))
    assert torch.equal(found, expected)


def test_maps_of_frozen_blocks_are_those_of_the_network(setting: Setting, net: Network) -> None:
    """Computed once, without augmentation: the remaining layers give the network's logits."""
    to_input = Normalizer(net, setting)
    inputs = FrozenInputs(net, setting, to_input)
    rows = np.arange(3)
    images_of = ImageInputs(setting, to_input)
    expected = net(torch.cat(list(images_of.validation(rows, 3))))
    (maps,) = inputs.validation(rows, 3)
    end = net.ends()[0]
    with torch.no_grad():
        found = net.head(net.pool(net.features[end:](maps)))
    assert torch.allclose(found, expected, atol=1e-5)
    (batch,) = inputs.training([np.array([1]), np.array([0, 2])], 0, 1)
    assert batch.rows.tolist() == [0, 2]
    assert batch.x.shape[0] == 2
