"""The lock files: everything that pyproject.toml asks for is pinned, to a version that it allows."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("train", "report", "lite", "qat", "dev", "docs")


def pinned(name: str) -> dict[str, list[Requirement]]:
    """Return the requirements of a lock file by canonical name, and check that each is an exact version."""
    text = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    found: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line.split("--hash")[0])
            assert [each.operator for each in requirement.specifier] == ["=="]
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def declared(*extras: str) -> list[Requirement]:
    """Return the requirements of the package and of its extras, those that an extra takes from another included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def lines(names: Iterable[str]) -> list[Requirement]:
        found = [Requirement(line) for name in names for line in project["optional-dependencies"][name]]
        own = [each for each in found if each.name == project["name"]]
        return [each for each in found if each not in own] + [one for each in own for one in lines(each.extras)]

    return [Requirement(line) for line in project["dependencies"]] + lines(extras)


@pytest.mark.parametrize(("name", "extras"), [("lab", ()), ("train", EXTRAS)])
def test_the_lock_satisfies_pyproject(name: str, extras: tuple[str, ...]) -> None:
    """After a change of a requirement, run `make lock`."""
    locked = pinned(name)
    for requirement in declared(*extras):
        pins = locked[canonicalize_name(requirement.name)]
        versions = [each.version for pin in pins for each in pin.specifier]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_both_locks_pin_the_same_versions() -> None:
    lab, train = pinned("lab"), pinned("train")
    for name, pins in lab.items():
        assert [str(pin.specifier) for pin in pins] == [str(pin.specifier) for pin in train[name]]


def test_every_package_of_the_lab_side_has_a_hash() -> None:
    """`pip install --require-hashes` refuses a file without one."""
    text = (ROOT / "constraints" / "lab.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) >= 10
    assert all("--hash=sha256:" in line for line in lines)
