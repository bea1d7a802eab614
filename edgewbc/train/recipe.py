"""Recipes: one experiment as typed YAML. An unknown key or a wrong value is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgewbc.errors import UserError
from edgewbc.nets.spec import ARCHITECTURES, LITE0, LITE_MEAN, LITE_STD, ModelSpec
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
    """The network to build; what is not given is the architecture's own."""

    arch: Literal["vgg16gap", "vgg16flatten", "efficientnet-lite0", "edgenet"] = "vgg16gap"
    width: float = Field(default=1.0, gt=0, le=4, description="multiplies the channels, to multiples of `multiple`")
    multiple: Positive = 8
    channels: tuple[Positive | Literal["M", "/", "D"], ...] | None = Field(
        default=None, description="of the convolutions, with the architecture's marks, as in nets.spec.ModelSpec"
    )
    head: tuple[Positive, ...] | None = Field(default=None, description="widths of the hidden dense layers")
    form: Literal["plain", "bn", "branches"] | None = Field(
        default=None, description="plain convolutions, batch norm after each, or parallel branches besides (edgenet)"
    )
    dropout: Share = 0.0
    input: Input = Input()

    @model_validator(mode="after")
    def _fits_the_architecture(self) -> Model:
        kind = ARCHITECTURES[self.arch]
        if self.form is not None and self.form not in kind.forms:
            raise ValueError(f"{self.arch} has no form {self.form}: use {' or '.join(kind.forms)}")
        marks = {item for item in self.channels or () if isinstance(item, str)}
        if not marks <= set(kind.marks):
            raise ValueError(f"{self.arch} has no {sorted(marks - set(kind.marks))[0]!r} among its channels")
        if self.channels is not None and self.width != 1:
            raise ValueError("give either the channels or a width")
        if self.arch == "efficientnet-lite0" and len(self.channels or LITE0) != len(LITE0):
            raise ValueError(f"efficientnet-lite0 takes {len(LITE0)} channel counts")
        return self

    def spec(self, classes: tuple[str, ...], pretrained: bool = True) -> ModelSpec:
        """The network's description for these classes.

        Pretrained weights expect the values they were trained on; random ones start better with a spread of about 1.
        """
        kind = ARCHITECTURES[self.arch]
        channels: tuple[int | str, ...] = self.channels or tuple(self._scaled(c) for c in kind.channels)
        mean, std = (IMAGENET_MEAN, IMAGENET_STD)
        if pretrained:
            lite = self.arch == "efficientnet-lite0"
            mean, std = (LITE_MEAN, LITE_STD) if lite else (IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD)
        pixels = PixelSpec(
            height=self.input.height,
            width=self.input.width,
            crop=self.input.crop,
            size=self.input.size,
            scale=self.input.scale,
            mean=mean,
            std=std,
        )
        head = kind.head if self.head is None else self.head
        return ModelSpec(self.arch, classes, pixels, channels, head, self.dropout, form=self.form or kind.forms[0])

    @classmethod
    def of(cls, spec: ModelSpec) -> Model:
        """The same network, in the form in which it is trained first."""
        pixels = {key: getattr(spec.pixels, key) for key in Input.model_fields}
        return cls.model_validate(
            {
                "arch": spec.arch,
                "channels": spec.channels,
                "head": spec.head,
                "form": ARCHITECTURES[spec.arch].forms[0],
                "dropout": spec.dropout,
                "input": pixels,
            }
        )

    def _scaled(self, count: int | str) -> int | str:
        if isinstance(count, str) or self.width == 1:
            return count
        return max(self.multiple, round(count * self.width / self.multiple) * self.multiple)


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
    """Knowledge distillation on logits (Hinton et al. 2015, arXiv 1503.02531) and on pooled features (Romero et al.
    2015, arXiv 1412.6550)."""

    weight: Share = 0.9
    temperature: float = Field(default=2.0, gt=0)
    features: float = Field(default=0.0, ge=0, description="weight of the loss on the pooled features; 0 turns it off")
    views: int = Field(
        default=0,
        ge=0,
        description="epochs of changed pictures that the teacher answers; its answers are kept, and later epochs "
        "repeat these pictures (0: new ones every epoch, and nothing is kept)",
    )


class TrainRecipe(Strict):
    """`edgewbc train`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    weights: str = Field(default="imagenet", description="imagenet, none, or a safetensors file")
    model: Model = Model()
    fit: Fit = Fit()
    distil: Distil = Field(default=Distil(), description="counts where there is a teacher")


class PruneRecipe(Strict):
    """`edgewbc prune`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    keep_macs: float = Field(default=0.25, gt=0, le=1, description="1 takes nothing out, and only fine-tunes")
    importance: Literal["magnitude", "taylor"] = "taylor"
    ranking: Literal["layer", "macs", "sensitivity"] = Field(
        default="layer", description="what an importance is held against, as in compress.prune.shrink"
    )
    steps: Positive = Field(default=1, description="prune a little, recover, again: so many times")
    step_epochs: Positive = Field(default=1, description="epochs of recovery after each step but the last")
    round_to: Positive = 8
    most: float = Field(default=0.9, gt=0, lt=1, description="largest share of channels that one layer may lose")
    pictures: Positive = Field(
        default=512, description="training pictures that importance and sensitivity are averaged over"
    )
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
