"""Weights of networks of timm and torchvision: their pixel normalization, from a file, and from the library's hub."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from edgewbc.errors import UserError
from edgewbc.nets.library_network import INSTALL, LibraryNetwork, check_name
from edgewbc.nets.spec import library
from edgewbc.utils.files import read_json
from edgewbc.utils.optional import need

CONFIG = "config.json"
"""File beside the weights in a folder of a hub, from which timm's pixel normalization is read."""
Values = tuple[float, float, float]


def published_normalization(arch: str) -> tuple[Values, Values]:
    """Return mean and standard deviation, for RGB values in 0..1, that a network's published weights expect.

    Raises:
        UserError: the library publishes no weights of this network.
    """
    where, name = _parts(arch)
    if where == "timm":
        timm: Any = need("timm", arch, INSTALL)
        check_name(name.partition(".")[0], timm.list_models(), where)
        config = timm.get_pretrained_cfg(name)
        found = None if config is None else (config.mean, config.std)
    else:
        default = _torchvision_weights(arch, name)
        preset = default.transforms()
        found = (preset.mean, preset.std)
    if found is None:
        raise UserError(
            f"{arch}: {where} has no published weights of it: train it from random ones with --weights none"
        )
    return _three(found[0]), _three(found[1])


def normalization_beside(file: Path) -> tuple[Values, Values] | None:
    """Return mean and standard deviation from the `config.json` beside a file, as timm writes it; None without one.

    Raises:
        UserError: the file is damaged.
    """
    path = file.with_name(CONFIG)
    if not path.is_file():
        return None
    values = read_json(path, "the description of weights")
    config = values.get("pretrained_cfg") if isinstance(values, Mapping) else None
    if not isinstance(config, Mapping) or "mean" not in config or "std" not in config:
        return None
    try:
        return _three(config["mean"]), _three(config["std"])
    except (TypeError, ValueError):
        raise UserError(f"{path}: its pretrained_cfg has no mean and std of three numbers") from None


def download(arch: str) -> dict[str, Tensor]:
    """Download (or take from the library's cache) the published weights, by the library's names.

    Raises:
        UserError: there are none, or they cannot be downloaded.
    """
    where, name = _parts(arch)
    published_normalization(arch)
    try:
        if where == "torchvision":
            return dict(_torchvision_weights(arch, name).get_state_dict(progress=True, check_hash=True))
        timm = need("timm", arch, INSTALL)
        with _online():
            return dict(timm.create_model(name, pretrained=True, num_classes=0).state_dict())
    except UserError:
        raise
    except Exception as error:  # of the hub's client, of the network, of the operating system
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise UserError(
            f"{arch}: the published weights cannot be downloaded ({line}): give a file with --weights, or train from "
            "random weights with --weights none"
        ) from None


def fill(net: LibraryNetwork, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load weights into the layers up to the map, from a run of ours or by the library's own names.

    Position embeddings of another input size are resampled where timm can. Weights of the library's head are ignored.

    Args:
        net: the network.
        tensors: by name.
        source: of the weights, for error messages.

    Raises:
        UserError: weights are missing, or have other shapes.
    """
    body = net.features[0]
    ours = "features.0.net."
    own = {name.removeprefix(ours): value for name, value in tensors.items() if name.startswith(ours)}
    theirs = own or dict(tensors)
    inner: Any = body.net
    theirs = _without_class_token(theirs, inner)
    adapt = None if own else getattr(sys.modules.get(type(inner).__module__), "checkpoint_filter_fn", None)
    if adapt is not None:
        with suppress(Exception):  # it is for other networks' files: what is missing is named below
            theirs = adapt(dict(theirs), inner)
    wanted = {name: value for name, value in inner.state_dict().items() if not name.endswith("num_batches_tracked")}
    wrong = [name for name, value in wanted.items() if name not in theirs or theirs[name].shape != value.shape]
    if wrong:
        raise UserError(f"{source}: no fitting weights for {wrong[0]} (and {len(wrong) - 1} more) of the network")
    inner.load_state_dict({**inner.state_dict(), **{name: theirs[name] for name in wanted}})


def _without_class_token(theirs: dict[str, Tensor], inner: Any) -> dict[str, Tensor]:
    """Drop the class token of a ViT, and its position embedding, for a network that has none.

    What normalized the mean of its tokens (`fc_norm`) normalizes each token.
    """
    if getattr(inner, "cls_token", None) is not None:
        return theirs
    kept = {name: value for name, value in theirs.items() if name != "cls_token"}
    if isinstance(getattr(inner, "norm", None), nn.LayerNorm) and "norm.weight" not in kept:
        kept = {name.replace("fc_norm.", "norm."): value for name, value in kept.items()}
    if len(kept) == len(theirs):
        return kept
    embedded = kept.get("pos_embed")
    if embedded is not None and math.isqrt(embedded.shape[1] - 1) ** 2 == embedded.shape[1] - 1:
        kept["pos_embed"] = embedded[:, 1:]
    return kept


@contextmanager
def _online() -> Iterator[None]:
    """Let the hub's client use the network, which edgewbc turns off at its start."""
    constants: Any = need("huggingface_hub.constants", "downloading weights", INSTALL)
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _torchvision_weights(arch: str, name: str) -> Any:
    models: Any = need("torchvision", arch).models
    check_name(name, models.list_models(), "torchvision")
    try:
        return models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError):
        raise UserError(f"{arch}: torchvision has no published weights of it") from None


def _parts(arch: str) -> tuple[str, str]:
    found = library(arch)
    if found is None:
        raise UserError(f"{arch}: not timm:NAME or torchvision:NAME")
    return found


def _three(values: Any) -> Values:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
