"""The schema of recipes: one experiment per YAML file (read by `train.recipe_file`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from edgewbc.nets.spec import ARCHITECTURES, LITE0, LITE_MEAN, LITE_STD, ModelSpec, kind, library
from edgewbc.pixels import IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD, IMAGENET_MEAN, IMAGENET_STD, PixelSpec

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Normalization(NamedTuple):
    """Mean and standard deviation that are taken off RGB values in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class WeightsScaling(StrEnum):
    """Pixel normalizations that published weights are trained with."""

    CAFFE = "caffe"
    IMAGENET = "imagenet"
    INCEPTION = "inception"
    LITE = "lite"
    NONE = "none"


NORMALIZATIONS = {
    WeightsScaling.CAFFE: Normalization(IMAGENET_CAFFE_MEAN, IMAGENET_CAFFE_STD),
    WeightsScaling.IMAGENET: Normalization(IMAGENET_MEAN, IMAGENET_STD),
    WeightsScaling.INCEPTION: Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    WeightsScaling.LITE: Normalization(LITE_MEAN, LITE_STD),
    WeightsScaling.NONE: Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


AUTO = 0
"""Value of `Fit.batch` that stands for `auto`: the size is chosen when a training begins (`train.batch_size`)."""


def _read_batch(value: object) -> object:
    if value == "auto":
        return AUTO
    if value == AUTO and not isinstance(value, bool):
        raise ValueError("use 1 or more images, or auto")
    return value


Batch = Annotated[
    int,
    Field(ge=0),
    BeforeValidator(_read_batch),
    PlainSerializer(lambda size: "auto" if size == AUTO else size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]}),
]


class Section(BaseModel):
    """Base of all sections; unknown keys are errors.

    `former_names` maps names that keys of a recipe had in earlier versions to their present names; both are read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    former_names: ClassVar[Mapping[str, str]] = {}


class Input(Section):
    """Input size and crop, as in `pixels.PixelSpec`."""

    height: Positive = Field(default=112, description="height of the network's input, pixels")
    width: Positive = Field(default=112, description="width of the network's input, pixels")
    crop: Literal["whole", "centre", "box", "cell"] = Field(
        default="whole",
        description="part of the image: all of it, a central square, a square around the box, or the located cell",
    )
    size: int = Field(
        default=0,
        ge=0,
        description="side of the square, in pixels of the image; of the training images for crop cell",
    )
    scale: float = Field(default=1.3, gt=0, description="side of the square around a box, relative to its longer side")

    @model_validator(mode="after")
    def _center_crop_has_a_size(self) -> Input:
        if self.crop in ("centre", "cell") and not self.size:
            raise ValueError(f"crop: {self.crop} needs a size in pixels")
        return self


class ModelRecipe(Section):
    """The network to build; defaults that are None are the architecture's own."""

    arch: str = Field(
        default="vgg16gap",
        description="vgg16gap, vgg16flatten, efficientnet-lite0, edgenet, timm:NAME or torchvision:NAME",
        json_schema_extra={"anyOf": [{"enum": [*ARCHITECTURES]}, {"pattern": "^(timm|torchvision):.+"}]},
    )
    width: float = Field(default=1.0, gt=0, le=4, description="factor on the channels, rounded to `multiple`")
    multiple: Positive = Field(default=8, description="channels are rounded to a multiple of it")
    channels: tuple[Positive | Literal["M", "/", "D"], ...] | None = Field(
        default=None, description="of the convolutions, with the architecture's marks (see nets.spec.ModelSpec)"
    )
    head: tuple[Positive, ...] | None = Field(default=None, description="widths of the hidden dense layers")
    form: Literal["plain", "bn", "branches"] | None = Field(
        default=None, description="plain convolutions, with batch norm, or with parallel branches (edgenet)"
    )
    dropout: Share = Field(default=0.0, description="probability of dropout before the last layer")
    input: Input = Field(default=Input(), description="input size and crop")

    @field_validator("arch")
    @classmethod
    def _is_an_architecture(cls, arch: str) -> str:
        kind(arch)
        return arch

    @model_validator(mode="after")
    def _fits_the_architecture(self) -> ModelRecipe:
        its = kind(self.arch)
        if self.form is not None and self.form not in its.forms:
            raise ValueError(f"{self.arch} has no form {self.form}: use {' or '.join(its.forms)}")
        marks = {item for item in self.channels or () if isinstance(item, str)}
        if not marks <= set(its.marks):
            raise ValueError(f"{self.arch} has no {sorted(marks - set(its.marks))[0]!r} among its channels")
        if library(self.arch) is not None and self.width != 1:
            raise ValueError(f"{self.arch} takes no model.width ({self.width:g}): use --recipe timm, or set it to 1")
        if self.channels is not None and self.width != 1:
            raise ValueError("give either the channels or a width")
        if self.arch == "efficientnet-lite0" and len(self.channels or LITE0) != len(LITE0):
            raise ValueError(f"efficientnet-lite0 takes {len(LITE0)} channel counts")
        return self

    def spec(
        self, classes: tuple[str, ...], normalization: Normalization = NORMALIZATIONS[WeightsScaling.IMAGENET]
    ) -> ModelSpec:
        """Return the description of the network.

        Args:
            classes: names, in the order of the outputs.
            normalization: that of the start weights; the default suits random weights, as its values have a standard
                deviation of about 1.
        """
        its = kind(self.arch)
        channels: tuple[int | str, ...] = self.channels or tuple(self._scaled(c) for c in its.channels)
        pixels = PixelSpec(
            height=self.input.height,
            width=self.input.width,
            crop=self.input.crop,
            size=self.input.size,
            scale=self.input.scale,
            mean=normalization.mean,
            std=normalization.std,
        )
        head = its.head if self.head is None else self.head
        return ModelSpec(self.arch, classes, pixels, channels, head, self.dropout, form=self.form or its.forms[0])

    @classmethod
    def of(cls, spec: ModelSpec) -> ModelRecipe:
        """Return the recipe of an existing network, in the form in which its architecture is trained first."""
        pixels = {key: getattr(spec.pixels, key) for key in Input.model_fields}
        return cls.model_validate(
            {
                "arch": spec.arch,
                "channels": spec.channels or None,
                "head": spec.head,
                "form": kind(spec.arch).forms[0],
                "dropout": spec.dropout,
                "input": pixels,
            }
        )

    def _scaled(self, count: int | str) -> int | str:
        if isinstance(count, str) or self.width == 1:
            return count
        return max(self.multiple, round(count * self.width / self.multiple) * self.multiple)


class Augment(Section):
    """Random augmentation of training images; 0 turns one off."""

    former_names: ClassVar[Mapping[str, str]] = {"colour": "color"}

    rotate: float = Field(default=180, ge=0, le=180, description="largest angle, degrees")
    flip: bool = Field(default=True, description="flip at random, in both directions")
    scale: float = Field(default=0.1, ge=0, lt=1, description="largest relative change of size")
    shift: float = Field(default=0.04, ge=0, lt=0.5, description="largest shift, as a share of the input")
    brightness: Share = Field(default=0.1, description="largest relative change of brightness")
    contrast: Share = Field(default=0.1, description="largest relative change of contrast")
    saturation: Share = Field(default=0.15, description="largest relative change of saturation")
    color: float = Field(default=0.04, ge=0, lt=1, description="largest relative gain of one color channel")
    blur: float = Field(default=0.7, ge=0, le=5, description="largest sigma in input pixels; for half of the images")
    density: float = Field(default=0, ge=0, le=2, description="largest log gain of a channel's optical density")
    mixing: float = Field(default=0, ge=0, le=0.5, description="sigma of the mixing of the channels' optical densities")
    gamma: float = Field(default=0, ge=0, le=1, description="largest log exponent of the optical density")
    white: float = Field(default=0, ge=0, le=150, description="largest change of the background, in levels of 0 to 255")
    sharpen: float = Field(default=0, ge=0, le=5, description="largest amount of sharpening; for half of the images")
    noise: float = Field(
        default=0, ge=0, le=100, description="largest sigma of noise in levels; for half of the images"
    )
    jpeg: Share = Field(default=0, description="largest loss of JPEG quality, of 100 %; for half of the images")
    hide: Share = Field(default=0, description="share of images whose surroundings are hidden by a disk")


class Fit(Section):
    """Hyperparameters of a training."""

    epochs: Positive = Field(default=5, description="passes over the training images")
    batch: Batch = Field(
        default=32,
        description="images per batch, and per process; auto: the most that fit into a GPU's memory, 32 on a CPU",
    )
    accumulate: Positive = Field(
        default=1, description="batches whose gradients are added up for one step of the optimizer"
    )
    optimizer: Literal["adamw", "sgd"] = Field(default="adamw", description="AdamW, or SGD with Nesterov momentum 0.9")
    lr: float = Field(default=1e-4, gt=0, description="highest learning rate, of all layers but the head")
    head_lr: float = Field(default=1.0, gt=0, description="learning rate of the head, as a multiple of lr")
    weight_decay: float = Field(default=1e-4, ge=0, description="weight decay of the optimizer")
    warmup: float = Field(default=0.3, ge=0, description="epochs of linear warm-up before the cosine decay")
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 turns clipping off")
    label_smoothing: Share = Field(default=0.05, description="probability that is spread over all classes")
    focal: float = Field(
        default=0,
        ge=0,
        le=10,
        description="exponent of the focal loss, which weighs certain images less; 0 turns it off",
    )
    class_weights: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="beta of class weights by the effective number of images, such as 0.999; 0 weighs all alike",
    )
    mixup: float = Field(default=0, ge=0, le=10, description="alpha of MixUp; 0 turns it off")
    cutmix: float = Field(default=0, ge=0, le=10, description="alpha of CutMix; 0 turns it off")
    mix_share: Share = Field(default=1.0, description="share of the batches that are mixed")
    average: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="decay per step of the moving average of weights that is kept; 0 for none",
    )
    balance: Share = Field(default=0.5, description="0 draws classes in their own proportions, 1 equally often")
    freeze_blocks: int = Field(default=0, ge=0, le=5, description="blocks that are not trained, from the first")
    cache_frozen: bool = Field(default=False, description="compute the frozen blocks once; needs augmentation off")
    precision: Literal["f32", "bf16"] = Field(
        default="bf16", description="float32, or bfloat16 where it is safe (automatic mixed precision)"
    )
    patience: int = Field(default=0, ge=0, description="epochs without improvement before stopping; 0 never stops")
    checkpoint_minutes: float = Field(default=5, gt=0, description="minutes between checkpoints")
    workers: int = Field(default=2, ge=1, description="threads that decode and augment")
    seed: int = Field(default=0, ge=0, description="of the start weights, the order of images and the augmentation")
    augment: Augment = Field(default=Augment(), description="random augmentation of training images")

    @model_validator(mode="after")
    def _cached_images_are_not_augmented(self) -> Fit:
        if self.cache_frozen and not self.freeze_blocks:
            raise ValueError("cache_frozen needs freeze_blocks of 1 or more")
        if self.cache_frozen and (self.mixup or self.cutmix):
            raise ValueError("cache_frozen needs mixup and cutmix turned off")
        if self.cache_frozen and any(self.augment.model_dump().values()):
            raise ValueError("cache_frozen needs every augmentation turned off (0, and flip: false)")
        return self


class Distil(Section):
    """Knowledge distillation on logits (Hinton et al. 2015, arXiv 1503.02531) and on pooled features (Romero et al.
    2015, arXiv 1412.6550)."""

    weight: Share = Field(default=0.9, description="weight of the teacher's logits; the labels have the rest")
    temperature: float = Field(default=2.0, gt=0, description="that softens the logits of both")
    features: float = Field(default=0.0, ge=0, description="weight of the loss on the pooled features; 0 turns it off")
    views: int = Field(
        default=0,
        ge=0,
        description="epochs of augmented images that the teacher predicts; the predictions are cached, and later "
        "epochs repeat these images (0: new images every epoch, no cache)",
    )


class TrainRecipe(Section):
    """Recipe of `edgewbc train`."""

    name: Name = Field(description="of the run folder; letters, digits, dots, hyphens and underscores")
    weights: str = Field(default="imagenet", description="imagenet, none, or a file: safetensors, .pth, Keras .h5")
    weights_scaling: WeightsScaling | None = Field(
        default=None,
        description="pixel normalization of a file of weights without a model.json or timm's config.json beside it",
    )
    model: ModelRecipe = Field(default=ModelRecipe(), description="the network to build")
    fit: Fit = Field(default=Fit(), description="hyperparameters of the training")
    distil: Distil = Field(default=Distil(), description="used if there is a teacher")


class PruneRecipe(Section):
    """Recipe of `edgewbc prune`."""

    former_names: ClassVar[Mapping[str, str]] = {"pictures": "images"}

    name: Name = Field(description="of the run folder; letters, digits, dots, hyphens and underscores")
    keep_macs: float = Field(
        default=0.25, gt=0, le=1, description="share of multiply-adds to keep; 1 prunes nothing, only fine-tunes"
    )
    importance: Literal["magnitude", "taylor"] = Field(
        default="taylor", description="of a channel: size of its weights, or first-order change of the loss without it"
    )
    ranking: Literal["layer", "macs", "sensitivity"] = Field(
        default="layer", description="how importance is compared between layers, see compress.prune.shrink"
    )
    steps: Positive = Field(default=1, description="rounds of pruning and recovery")
    step_epochs: Positive = Field(default=1, description="epochs of recovery after each step but the last")
    round_to: Positive = Field(default=8, description="channels are kept in multiples of it")
    most: float = Field(default=0.9, gt=0, lt=1, description="largest share of channels that one layer may lose")
    images: Positive = Field(
        default=512, description="training images that importance and sensitivity are averaged over"
    )
    fit: Fit = Field(default=Fit(), description="hyperparameters of the recovery")
    distil: Distil = Field(default=Distil(), description="learning from the unpruned network or other teachers")
