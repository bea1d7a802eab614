"""What a kit contains: the content of its `files/kit.json`, which its install script reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewbc.utils.json_values import values_of

FORMAT = 1


@dataclass(frozen=True)
class WheelFacts:
    """A wheel of a kit.

    Attributes:
        file: name of the wheel in the kit.
        name, version: of the package.
        bytes: size of the wheel in the kit.
        sha256: hash of the wheel in the kit.
        published_sha256: hash of the wheel as it was published.
        without: names of the members that were removed from it.
    """

    file: str
    name: str
    version: str
    bytes: int
    sha256: str
    published_sha256: str
    without: tuple[str, ...]


@dataclass(frozen=True)
class KitModel:
    """The model of a kit: name of the bundle, default precision, and hash of that model."""

    name: str
    precision: str
    sha256: str


@dataclass(frozen=True)
class KitFacts:
    """What a kit contains. There is no date, so that the same parts give the same kit.

    Attributes:
        edgewbc: version of edgewbc.
        platform: system that the kit is for.
        pythons: versions of Python that it has wheels for, such as 3.12.
        glibc: oldest version of glibc that its wheels run on, on Linux.
        model: the model of its bundle.
        wheels: every wheel.
        left_out: packages that are not installed, and why.
        installers: path in the kit by what is installed: `python_installer`, `vc_redist`.
    """

    edgewbc: str
    platform: str
    pythons: tuple[str, ...]
    glibc: tuple[int, int]
    model: KitModel
    wheels: tuple[WheelFacts, ...]
    left_out: Mapping[str, str]
    installers: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the content of `files/kit.json`."""
        values = values_of(self)
        installers: dict[str, str] = values.pop("installers")
        return {"format": FORMAT, **values, **installers}
