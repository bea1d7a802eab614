"""Tests of `edgewbc.train.start_weights`: start weights and their pixel normalization."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD, IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train.recipe import TrainRecipe
from edgewbc.train.start_weights import normalization

CAFFE, IMAGENET = (IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD), (IMAGENET_MEAN, IMAGENET_STD)


def recipe(weights: str | Path, **more: Any) -> TrainRecipe:
    """A recipe with the given start weights."""
    return TrainRecipe.model_validate({"name": "a", "weights": str(weights), **more})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a normalization of its own."""
    pixels = PixelSpec(16, 16, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    spec = ModelSpec("vgg16gap", ("a", "b"), pixels, (4, "M"), (4,))
    model.save(tmp_path, model.build(spec), spec)
    return tmp_path


@pytest.mark.parametrize(
    ("weights", "arch", "expected"),
    [
        ("imagenet", "vgg16gap", CAFFE),
        ("imagenet", "efficientnet-lite0", ((127 / 255,) * 3, (128 / 255,) * 3)),
        ("imagenet", "timm:vit_tiny_patch16_224", ((0.5,) * 3, (0.5,) * 3)),
        ("imagenet", "torchvision:mobilenet_v3_small", IMAGENET),
        ("none", "vgg16gap", IMAGENET),
    ],
)
def test_named_weights_have_their_own(weights: str, arch: str, expected: tuple[Any, Any]) -> None:
    """ImageNet weights have the normalization of their publisher, random weights a standard deviation of about 1."""
    assert normalization(recipe(weights, model={"arch": arch})) == expected


def test_weights_of_a_run_keep_theirs(run: Path) -> None:
    """The normalization is read from `model.json` beside the weights; a different one is refused."""
    weights = run / model.WEIGHTS
    assert normalization(recipe(weights)) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    with pytest.raises(UserError, match=r"--weights-scaling caffe: .*model\.json requires mean 0\.1, 0\.2, 0\.3"):
        normalization(recipe(weights, weights_scaling="caffe"))


def test_other_files_need_it(run: Path) -> None:
    """A file without its own `model.json` needs `weights_scaling`."""
    file = run / "vgg16.safetensors"
    shutil.copyfile(run / model.WEIGHTS, file)
    with pytest.raises(UserError, match=r"vgg16\.safetensors: .*--weights-scaling caffe, imagenet, inception, lite"):
        normalization(recipe(file))
    assert normalization(recipe(file, weights_scaling="caffe")) == CAFFE
    assert normalization(recipe(file, weights_scaling="imagenet")) == IMAGENET
    assert normalization(recipe(file, weights_scaling="none")) == ((0.0,) * 3, (1.0,) * 3)


def test_a_file_of_timm_has_it_in_its_config(run: Path) -> None:
    """`config.json` beside the weights, as timm and its hub write it; a different one is refused."""
    file = run / "timm.safetensors"
    shutil.copyfile(run / model.WEIGHTS, file)
    (run / "config.json").write_text('{"pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}')
    assert normalization(recipe(file)) == ((0.5,) * 3, (0.5,) * 3)
    assert normalization(recipe(file, weights_scaling="inception")) == ((0.5,) * 3, (0.5,) * 3)
    with pytest.raises(UserError, match=r"config\.json requires mean 0\.5"):
        normalization(recipe(file, weights_scaling="caffe"))
    assert normalization(recipe(run / model.WEIGHTS)) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))  # model.json comes first


def test_missing_file(tmp_path: Path) -> None:
    """A file that does not exist is named."""
    with pytest.raises(UserError, match=r"absent\.safetensors: no such file"):
        normalization(recipe(tmp_path / "absent.safetensors"))
