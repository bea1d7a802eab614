"""The weights that a training starts from, and the pixel normalization that they were trained with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.data.prepare import profile
from edgewbc.errors import UserError
from edgewbc.nets import foreign_weights, library_weights, model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec, library
from edgewbc.nets.weights_kind import check_kind
from edgewbc.train.recipe import NORMALIZATIONS, Normalization, TrainRecipe, WeightsScaling


def normalization(recipe: TrainRecipe) -> Normalization:
    """Return the pixel normalization of a recipe's start weights.

    Known for `imagenet` and `none`. A run's `model.safetensors` has it in the `model.json` beside it, and a file of
    timm in the `config.json` beside it; for another file the recipe must give it as `weights_scaling`.

    Raises:
        UserError: it is unknown, or `weights_scaling` contradicts what is known.
    """
    given = None if recipe.weights_scaling is None else NORMALIZATIONS[recipe.weights_scaling]
    if recipe.weights == "none":
        known, where = NORMALIZATIONS[WeightsScaling.IMAGENET], "random weights"
    elif recipe.weights == "imagenet":
        known, where = _published(recipe.model.arch), "the ImageNet weights"
    else:
        file = Path(recipe.weights)
        description = file.with_name(model.SPEC)
        if not foreign_weights.accepted(file):
            check_kind(file)
        if not file.is_file():
            raise UserError(f"{file}: no such file; --weights names a file of weights")
        if file.name == model.WEIGHTS and description.is_file():
            pixels = ModelSpec.read(description).pixels
            known, where = Normalization(pixels.mean, pixels.std), str(description)
        elif (beside := library_weights.normalization_beside(file)) is not None:
            known, where = Normalization(*beside), str(file.with_name(library_weights.CONFIG))
        elif given is not None:
            return given
        else:
            raise UserError(
                f"{file}: no {model.SPEC} beside it tells how pixel values were scaled for these weights: add "
                f"--weights-scaling {', '.join(WeightsScaling)} (the original VGG16: caffe)"
            )
    if given is not None and given != known:
        raise UserError(
            f"--weights-scaling {recipe.weights_scaling}: {where} requires mean {_numbers(known.mean)} and std "
            f"{_numbers(known.std)}: leave it out"
        )
    return known


def with_reference(spec: ModelSpec, recipe: TrainRecipe, manifest: Manifest) -> ModelSpec:
    """Return the description of a network with the reference of its crop, which it needs if that is `cell`.

    It is the reference of the run that the weights come from, or else the profile of the training images.

    Raises:
        UserError: images cannot be read, or none shows a white cell.
    """
    if spec.pixels.crop != "cell":
        return spec
    description = Path(recipe.weights).with_name(model.SPEC)
    reference = None
    if recipe.weights not in ("none", "imagenet") and description.is_file():
        reference = ModelSpec.read(description).pixels.reference
    if reference is None:
        reference = profile(manifest).reference
    return replace(spec, pixels=replace(spec.pixels, reference=reference))


def load(net: Network, recipe: TrainRecipe) -> None:
    """Load a recipe's start weights into the base of a network; with `weights: none` it stays as it is.

    Raises:
        UserError: the weights cannot be read or downloaded, or do not fit.
    """
    if recipe.weights == "imagenet":
        model.load_imagenet_base(net)
    elif recipe.weights != "none":
        if Path(recipe.weights).name == model.WEIGHTS:
            runs.check_weights(Path(recipe.weights))
        model.load_base(net, Path(recipe.weights))


def _published(arch: str) -> Normalization:
    """Return the normalization of an architecture's ImageNet weights. Raises UserError if there are none."""
    if library(arch) is not None:
        return Normalization(*library_weights.published_normalization(arch))
    return NORMALIZATIONS[WeightsScaling.LITE if arch == "efficientnet-lite0" else WeightsScaling.CAFFE]


def _numbers(values: tuple[float, float, float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
