"""Tests of `edgewbc.train.frozen_features`."""

from pathlib import Path
from typing import Any

import pytest
import torch

from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import frozen_features, loop
from edgewbc.train.recipe import Fit
from tests.colored import make_manifest
from tests.killed import Killed, at_batch

OFF = {
    "rotate": 0, "scale": 0, "shift": 0, "brightness": 0, "contrast": 0, "saturation": 0, "color": 0, "blur": 0,
    "flip": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six training images per class."""
    return make_manifest(tmp_path_factory.mktemp("cells"), per_class=6)


def network(manifest: Manifest, arch: str = "vgg16gap") -> tuple[Network, ModelSpec]:
    """A network with the images' own size as input, so that nothing is resampled."""
    side = images.read(manifest, manifest.entries[0]).shape[0]
    spec = ModelSpec(
        arch,
        manifest.classes,
        PixelSpec(side, side, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        (8, "M", 8, "M", 16, "M"),
        (12,),
    )
    torch.manual_seed(0)
    return model.build(spec), spec


def options(**changes: Any) -> Fit:
    """Two epochs without augmentation, unless changed."""
    return Fit.model_validate(
        {"epochs": 2, "batch": 8, "lr": 5e-3, "precision": "f32", "augment": OFF, "workers": 1, **changes}
    )


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("arch", ["vgg16gap", "vgg16flatten"])
def test_cached_maps_train_the_same_network(manifest: Manifest, tmp_path: Path, blocks: int, arch: str) -> None:
    """Training with cached feature maps gives the same weights as training without."""
    weights = []
    for cached in (False, True):
        net, spec = network(manifest, arch)
        (tmp_path / str(cached)).mkdir()
        loop.fit(net, spec, options(freeze_blocks=blocks, cache_frozen=cached), manifest, tmp_path / str(cached))
        weights.append(net.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=2e-5, rtol=1e-4)


def test_training_on_cached_maps_resumes(manifest: Manifest, tmp_path: Path) -> None:
    """Killed within an epoch and resumed, the weights are those of an uninterrupted run."""
    unbroken, spec = network(manifest)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    chosen: dict[str, Any] = {"freeze_blocks": 2, "cache_frozen": True}
    loop.fit(unbroken, spec, options(**chosen), manifest, tmp_path / "a")

    broken, _ = network(manifest)
    with pytest.raises(Killed):
        loop.fit(
            broken, spec, options(**chosen, checkpoint_minutes=1e-9), manifest, tmp_path / "b", progress=at_batch(2, 2)
        )
    loop.fit(broken, spec, options(**chosen), manifest, tmp_path / "b", resume=True)
    for name, value in unbroken.state_dict().items():
        assert torch.equal(broken.state_dict()[name], value), name


def test_maps_are_the_output_of_the_blocks(manifest: Manifest) -> None:
    """The map at an entry's place is the output of the first blocks for its prepared image."""
    net, spec = network(manifest)
    entries = manifest.split("train")
    scale = Deployed(net, spec.pixels)
    maps = frozen_features.feature_maps(
        net, 2, manifest, entries, spec.pixels, lambda x: scale.normalize(torch.from_numpy(x)),
        dtype=torch.float32, batch=5,
    )  # fmt: skip
    image = next(images.batches(manifest, entries[6:7], spec.pixels))
    with torch.no_grad():
        alone = net.features[:6](scale.normalize(torch.from_numpy(image)))
    side = spec.pixels.height // 4
    assert maps.shape == (len(entries), 8, side, side)
    torch.testing.assert_close(maps[6:7], alone, atol=1e-5, rtol=1e-5)


def test_too_large_maps_are_refused(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feature maps above the limit are refused before the first epoch."""
    monkeypatch.setattr(frozen_features, "MAX_BYTES", 1000)
    net, spec = network(manifest)
    with pytest.raises(UserError, match=r"fit\.cache_frozen: the feature maps of 30 images take \d+ MiB"):
        loop.fit(net, spec, options(freeze_blocks=1, cache_frozen=True), manifest, tmp_path)


@pytest.mark.parametrize("changes", [{"freeze_blocks": 0}, {"freeze_blocks": 1, "augment": {**OFF, "flip": True}}])
def test_cache_needs_frozen_blocks_and_no_augmentation(changes: dict[str, Any]) -> None:
    """A recipe with cache_frozen but no frozen blocks, or with augmentation, is refused."""
    with pytest.raises(ValueError, match="cache_frozen needs"):
        options(cache_frozen=True, **changes)


def test_blocks_end_with_a_pooling(manifest: Manifest) -> None:
    """Freezing n blocks freezes everything up to the n-th pooling, and nothing after it."""
    net, _ = network(manifest)
    assert [frozen_features.layer_count(net, n) for n in range(5)] == [0, 3, 6, 9, 9]
    frozen_features.freeze(net, 1)
    assert [p.requires_grad for p in net.features.parameters()] == [False, False, True, True, True, True]
