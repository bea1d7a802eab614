"""Recipes: one experiment as typed YAML. An unknown key or a wrong value is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgewbc.errors import UserError
from edgewbc.nets.spec import VGG16, ModelSpec
from edgewbc.pixels import IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD, IMAGENET_MEAN, IMAGENET_STD, PixelSpec

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(Strict):
    """Input size and crop, as in `pixels.PixelSpec`."""

    height: Positive = 112
    width: Positive = 112
    crop: Literal["whole", "centre", "box"] = "whole"
    size: int = Field(default=0, ge=0, description="side of the centre square, in pixels of the picture")
    scale: float = Field(default=1.3, gt=0, description="side of the square around a box, in its longer sides")

    @model_validator(mode="after")
    def _centre_has_size(self) -> Input:
        if self.crop == "centre" and not self.size:
            raise ValueError("crop: centre needs a size in pixels")
        return self


class Model(Strict):
    """The network to build."""

    arch: Literal["vgg16gap", "vgg16flatten"] = "vgg16gap"
    width: float = Field(default=1.0, gt=0, le=4, description="multiplies the channels of VGG16, to multiples of 8")
    head: tuple[Positive, ...] = (100, 100)
    dropout: Share = 0.0
    input: Input = Input()

    def spec(self, classes: tuple[str, ...], pretrained: bool = True) -> ModelSpec:
        """The network's description for these classes.

        Pretrained weights expect the values they were trained on; random ones start better with a spread of about 1.
        """
        channels = tuple(c if c == "M" else max(8, round(int(c) * self.width / 8) * 8) for c in VGG16)
        pixels = PixelSpec(
            height=self.input.height,
            width=self.input.width,
            crop=self.input.crop,
            size=self.input.size,
            scale=self.input.scale,
            mean=IMAGENET_CAFFE_MEAN if pretrained else IMAGENET_MEAN,
            std=IMAGENET_CAFFE_STD if pretrained else IMAGENET_STD,
        )
        return ModelSpec(self.arch, classes, pixels, channels, self.head, self.dropout)


class Augment(Strict):
    """Random changes to a training picture; 0 turns one off."""

    rotate: float = Field(default=180, ge=0, le=180, description="largest angle, degrees")
    flip: bool = True
    scale: float = Field(default=0.1, ge=0, lt=1, description="largest relative change of size")
    shift: float = Field(default=0.04, ge=0, lt=0.5, description="largest shift, share of the input")
    brightness: Share = 0.1
    contrast: Share = 0.1
    saturation: Share = 0.15
    colour: float = Field(default=0.04, ge=0, lt=1, description="largest relative gain of one channel")
    blur: float = Field(default=0.7, ge=0, le=5, description="largest sigma in input pixels; half the pictures")


class Fit(Strict):
    """How to train."""

    epochs: Positive = 5
    batch: Positive = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(default=1e-4, gt=0)
    head_lr: float = Field(default=1.0, gt=0, description="learning rate of the head, as a multiple of lr")
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup: float = Field(default=0.3, ge=0, description="epochs of linear warm-up before the cosine")
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 turns it off")
    label_smoothing: Share = 0.05
    balance: Share = Field(default=0.5, description="0 draws classes as they come, 1 draws them equally often")
    freeze_blocks: int = Field(default=0, ge=0, le=5, description="blocks left as they are, from the first")
    cache_frozen: bool = Field(default=False, description="compute the frozen blocks once; without random changes")
    precision: Literal["f32", "bf16"] = "bf16"
    patience: int = Field(default=0, ge=0, description="epochs without a better validation before stopping; 0: never")
    checkpoint_minutes: float = Field(default=5, gt=0)
    workers: int = Field(default=2, ge=1, description="threads that decode and augment")
    seed: int = Field(default=0, ge=0)
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _cached_pictures_do_not_change(self) -> Fit:
        if self.cache_frozen and not self.freeze_blocks:
            raise ValueError("cache_frozen needs freeze_blocks of 1 or more")
        if self.cache_frozen and any(self.augment.model_dump().values()):
            raise ValueError("cache_frozen needs every change of augment turned off (0, and flip: false)")
        return self


class Distil(Strict):
    """Knowledge distillation on logits (Hinton et al. 2015, arXiv 1503.02531)."""

    weight: Share = 0.9
    temperature: float = Field(default=2.0, gt=0)


class TrainRecipe(Strict):
    """`edgewbc train`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    weights: str = Field(default="imagenet", description="imagenet, none, or a safetensors file")
    model: Model = Model()
    fit: Fit = Fit()


class PruneRecipe(Strict):
    """`edgewbc prune`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    keep_macs: float = Field(default=0.25, gt=0, le=1, description="1 takes nothing out, and only fine-tunes")
    importance: Literal["magnitude", "taylor"] = "taylor"
    round_to: Positive = 8
    most: float = Field(default=0.9, gt=0, lt=1, description="largest share of channels that one layer may lose")
    pictures: Positive = Field(default=512, description="training pictures that the Taylor importance is averaged over")
    fit: Fit = Fit()
    distil: Distil = Distil()


R = TypeVar("R", bound=Strict)


def read(path: Path, kind: type[R], changes: dict[str, Any] | None = None) -> R:
    """Read a recipe; `changes` are dotted keys that override it (`{"fit.epochs": 2}`).

    Raises:
        UserError: the file cannot be read, or a key or value is wrong; the message has the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: the recipe cannot be read: {error.strerror}") from None
    try:
        values = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{path}: {where}not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: a recipe is keys and values, such as `name: mine`")
    for dotted, value in (changes or {}).items():
        _override(values, dotted.split("."), value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        line = _line(tree, keys)
        what = "no such key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise UserError(f"{path}: line {line}: {'.'.join(keys) or 'recipe'}: {what}{more}") from None


def write(recipe: Strict) -> str:
    """The recipe in full, defaults included, as YAML."""
    return str(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """`["fit.epochs=2"]` as `{"fit.epochs": 2}`; values are YAML. Raises UserError for a pair without `=`."""
    changes = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--set {pair}: write it as key=value, for example --set fit.epochs=2")
        changes[key.strip()] = yaml.safe_load(value)
    return changes


def _override(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {'.'.join(keys)}: {key} holds a value, not keys")
        values = inner
    values[keys[-1]] = value


def _line(node: yaml.Node | None, keys: list[str]) -> int:
    """Line (from 1) of the deepest key of a path that is in the file."""
    line = 1
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        pair = next(((k, v) for k, v in node.value if k.value == key), None)
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line
