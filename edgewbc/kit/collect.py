"""Collect the wheels of a kit: the direct and indirect requirements of edgewbc, for one PC.

Requirements are resolved here because pip cannot do it: with `--platform` it selects wheels for another PC, but it
evaluates markers such as `platform_system == "Windows"` for the PC that it runs on (a kit for Windows built on Linux
would lack colorama). So pip fetches one round of wheels at a time without dependencies, and their requirements are
evaluated for the target. uv can resolve for another platform, but it cannot download wheels: it would be an additional
dependency of tens of megabytes, to replace about 60 lines.
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
"""Declared requirements that are left out because the lab's PC never imports them, with the reason."""
ROUNDS = 12  # maximum depth of the requirements; the deepest chain at present is three

Say = Callable[[str], None]


def collect(
    own: Path, target: Target, to: Path, wheels: Path | None = None, say: Say = lambda text: None
) -> list[Wheel]:
    """Collect the wheels that `own` requires, directly or indirectly.

    The versions installed here are preferred, since edgewbc was tested with them. If such a version has no wheel for
    the target, the newest allowed version that has one is used, and this is reported.

    Args:
        own: edgewbc's wheel.
        target: PC to install on.
        to: empty folder for the wheels; `own` is not copied.
        wheels: folder to take them from, without using the network; the newest compatible ones are used.
        say: receives a line for each download.

    Returns:
        The wheels sorted by name, without `own`.

    Raises:
        UserError: a wheel is missing or does not fit, or two packages require different versions of a third.
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
        for wheel in _fetch(wanted, needs, target, to, wheels, say):
            found[wheel.name] = wheel
            needs.add(wheel)
    conflict = ", ".join(f"{name}{needs.specifiers[name]} ({needs.why[name]})" for name in wanted)
    raise UserError(f"conflicting requirements: {conflict}")


@dataclass
class _Needs:
    """Required versions by package, and the packages that require them."""

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


def _fetch(names: list[str], needs: _Needs, target: Target, to: Path, wheels: Path | None, say: Say) -> list[Wheel]:
    """Fetch one wheel for each package, without its dependencies."""
    pins = (
        {}
        if wheels is not None
        else {n: v for n in names if (v := _installed_version(n)) and needs.specifiers[n].contains(v)}
    )
    before = set(to.glob("*.whl"))
    while True:
        requirements = [
            f"{name}=={pins[name]}" if name in pins else f"{name}{needs.specifiers[name]}" for name in names
        ]
        say(f"fetching for {target.name}: {', '.join(requirements)}")
        try:
            pip.download(requirements, target, to, wheels)
            break
        except pip.NoWheelError as error:
            missing = _canonical(error.package)
            if missing not in pins:
                raise UserError(f"{error} ({needs.why.get(missing, 'for edgewbc')})") from None
            say(f"{missing} {pins.pop(missing)} has no wheel for {target.name}: taking the newest that has one")
    fetched = [Wheel.read(path) for path in sorted(set(to.glob("*.whl")) - before)]
    for wheel in fetched:
        if not target.fits(wheel.path.name):
            raise UserError(f"{wheel.path.name}: not a wheel for {target.name}")
        say(f"{wheel.path.stat().st_size / 1e6:8.2f} MB  {wheel.path.name}")
    return fetched


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
