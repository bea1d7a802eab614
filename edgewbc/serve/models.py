"""Bundles under the names that clients know them by, each with the microscope of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.microscope import LEARN, Microscope
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.serve import response
from edgewbc.serve.request import INPUT
from edgewbc.smear.microscope import Profile
from edgewbc.utils.text import address_part

VERSION: Final = "1"
"""The version of every model: a bundle that differs is another model, identified by its `model_sha256`."""
TRAINING: Final = "training"
"""Value of `--microscope` that means the microscope of the training images, in place of a profile."""


@dataclass(frozen=True)
class ServedModel:
    """A compiled bundle under a name.

    Attributes:
        name: a part of addresses.
        model: the bundle, with thresholds and microscope.
    """

    name: str
    model: LoadedBundle

    @property
    def classes(self) -> tuple[str, ...]:
        return self.model.bundle.classes

    def metadata(self) -> dict[str, Any]:
        """Return what the protocol calls model metadata. `parameters` holds everything that determines a result."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": "edgewbc_bundle",
            "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": response.describe(self.classes),
            "parameters": {
                "bundle": self.model.bundle.name,
                "alternative_input": {"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
                **self.model.settings,
            },
        }


@dataclass(frozen=True)
class Named:
    """A path that a person gave, with or without a model's name: `NAME=PATH`.

    Attributes:
        name: of the model; empty without one.
        path: of a bundle or profile.
    """

    name: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read the value of an option. A file that has the whole text as its name comes first."""
        name, equals, path = text.partition("=")
        return cls("", text) if not equals or Path(text).exists() else cls(name, path)


def microscopes(values: Sequence[str]) -> dict[str, Microscope]:
    """Return microscopes by the name of a model; that of all others under the empty name.

    Args:
        values: of the option `--microscope`: `[NAME=]JSON`, or `[NAME=]training`.

    Raises:
        UserError: a file is no profile, or a model has two.
    """
    found: dict[str, Microscope] = {}
    for named in map(Named.parse, values):
        if named.name in found:
            whose = f"model {named.name}" if named.name else "all models"
            raise UserError(f"--microscope {named.path}: {whose} has two microscopes: name each once")
        given = named.path != TRAINING
        found[named.name] = Microscope.given(Profile.read(Path(named.path))) if given else Microscope()
    return found


def load(
    bundles: Mapping[str, Bundle],
    scopes: Mapping[str, Microscope],
    *,
    precision: str | None = None,
    threads: int | None = None,
    thresholds: ReviewThresholds | None = None,
) -> list[ServedModel]:
    """Compile bundles.

    Args:
        bundles: by the name that they are served under.
        scopes: from `microscopes`.
        precision, threads: see `LoadedBundle.load`.
        thresholds: instead of those of the bundles.

    Raises:
        UserError: a bundle that locates cells has no microscope, a microscope has no such model, or as
            `LoadedBundle.load`.
    """
    unknown = [name for name in scopes if name and name not in bundles]
    if unknown:
        raise UserError(f"--microscope {unknown[0]}=...: no such model; the models are {', '.join(bundles)}")
    served = []
    for name, bundle in bundles.items():
        located = bundle.pixels.crop == "cell"
        scope = scopes.get(name, scopes.get("") if located else None)
        if located and scope is None:
            raise UserError(
                f"{name}: locates cells, and needs to know the microscope of the images: give "
                f"--microscope scope.json, a profile from `{LEARN}`, or --microscope {TRAINING} if it is that of the "
                "training images (images that do not look like it are then for review)"
            )
        if scope is not None and not located:
            raise UserError(
                f"--microscope {name}=...: the model takes images as they are (crop {bundle.pixels.crop}): leave it out"
            )
        loaded = LoadedBundle.load(bundle, precision, threads, thresholds or ReviewThresholds())
        loaded.engine.fill()
        served.append(ServedModel(name, loaded if scope is None else replace(loaded, microscope=scope)))
    return served


def names(values: Sequence[tuple[str, Bundle]]) -> dict[str, Bundle]:
    """Return bundles by the name that they are served under: the given one, else the bundle's own.

    Raises:
        UserError: two have the same name, or a name cannot stand in an address.
    """
    found: dict[str, Bundle] = {}
    for given, bundle in values:
        name = given or address_part(bundle.name)
        if name != address_part(name):
            raise UserError(f"--model {name}=...: use letters, digits, `.`, `_` and `-` in the name")
        if name in found:
            raise UserError(f"two models are named {name}: give --model NAME={bundle.path} with another name")
        found[name] = bundle
    return found
