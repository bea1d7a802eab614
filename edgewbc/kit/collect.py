"""The wheels of a kit: everything that edgewbc needs on one PC, by the wheels' own metadata.

pip resolves markers (`platform_system == "Windows"`) for the PC it runs on, so it is asked for one round of wheels at
a time, and their requirements are read for the PC that the kit is for.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgewbc.errors import UserError
from edgewbc.kit import pip
from edgewbc.kit.target import PACKAGING, Target
from edgewbc.kit.wheel import Wheel
from edgewbc.utils.optional import need

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

LEFT_OUT: Final = {
    "openvino-telemetry": "reports usage over the network; edgewbc blocks it, and OpenVINO runs without",
    "packaging": "only `edgewbc kit` uses it, and a kit is not built on the lab's PC",
}
"""Declared requirements that a lab's PC never imports, with the reason."""
ROUNDS = 12  # of requirements of requirements; the deepest chain today has three

Say = Callable[[str], None]


def collect(
    own: Path, target: Target, to: Path, wheels: Path | None = None, say: Say = lambda text: None
) -> list[Wheel]:
    """Gather the wheels that `own` needs, and theirs, until nothing is missing.

    The versions are those installed here, since with them edgewbc was tried; where one has no wheel for that PC, the
    newest that has one and is allowed is taken, and that is said.

    Args:
        own: edgewbc's wheel.
        target: the PC.
        to: an empty folder for the wheels; `own` is not copied.
        wheels: take them from this folder and use no network. The newest that fit are taken.
        say: told what is fetched.

    Returns:
        The wheels by name, without `own`.

    Raises:
        UserError: a wheel is missing, does not fit, or two packages ask for different versions of a third.
    """
    need("packaging", "edgewbc kit", PACKAGING)
    needs = _Needs(target)
    needs.add(Wheel.read(own))
    found: dict[str, Wheel] = {}
    for _ in range(ROUNDS):
        wanted = [name for name in sorted(needs.specifiers) if not needs.met(name, found)]
        if not wanted:
            return [found[name] for name in sorted(found)]
        for name in wanted:
            if name in found:
                found.pop(name).path.unlink()
        for wheel in _round(wanted, needs, target, to, wheels, say):
            found[wheel.name] = wheel
            needs.add(wheel)
    conflict = ", ".join(f"{name}{needs.specifiers[name]} ({needs.why[name]})" for name in wanted)
    raise UserError(f"no versions satisfy everyone: {conflict}")


@dataclass
class _Needs:
    """What has to be there: versions by package, and who asks for it."""

    target: Target
    specifiers: dict[str, SpecifierSet] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def add(self, wheel: Wheel) -> None:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet
        from packaging.utils import canonicalize_name

        for line in wheel.requires:
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            if name in LEFT_OUT or (requirement.marker and not requirement.marker.evaluate(self.target.environment)):
                continue
            self.specifiers[name] = self.specifiers.get(name, SpecifierSet()) & requirement.specifier
            self.why[name] = f"{self.why[name]}, {wheel.name}" if name in self.why else f"for {wheel.name}"

    def met(self, name: str, found: dict[str, Wheel]) -> bool:
        return name in found and self.specifiers[name].contains(found[name].version, prereleases=True)


def _round(names: list[str], needs: _Needs, target: Target, to: Path, wheels: Path | None, say: Say) -> list[Wheel]:
    """One wheel for each name."""
    pins = {} if wheels is not None else {n: v for n in names if (v := _here(n)) and needs.specifiers[n].contains(v)}
    before = set(to.glob("*.whl"))
    while True:
        asked = [f"{name}=={pins[name]}" if name in pins else f"{name}{needs.specifiers[name]}" for name in names]
        say(f"fetching for {target.name}: {', '.join(asked)}")
        try:
            pip.download(asked, target, to, wheels)
            break
        except pip.NoWheelError as error:
            missing = _canonical(error.package)
            if missing not in pins:
                raise UserError(f"{error} ({needs.why.get(missing, 'for edgewbc')})") from None
            say(f"{missing} {pins.pop(missing)} has no wheel for {target.name}: taking the newest that has one")
    got = [Wheel.read(path) for path in sorted(set(to.glob("*.whl")) - before)]
    for wheel in got:
        if not target.fits(wheel.path.name):
            raise UserError(f"{wheel.path.name}: not a wheel for {target.name}")
        say(f"{wheel.path.stat().st_size / 1e6:8.2f} MB  {wheel.path.name}")
    return got


def _here(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
