"""The PC that a kit is for: the wheels that it accepts, and the options that make pip select them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from edgewbc.errors import UserError
from edgewbc.utils.optional import need

if TYPE_CHECKING:
    from packaging.tags import Tag

OLDEST = (3, 11)  # required by edgewbc
GLIBC = 28  # glibc 2.28 (2018: Debian 10, Ubuntu 18.10, RHEL 8), required by OpenVINO's wheels for Linux
PACKAGING = "pip install packaging"


class Platform(StrEnum):
    """The systems that a kit can be built for, both on x86-64."""

    WINDOWS = "windows"
    LINUX = "linux"


@dataclass(frozen=True)
class Target:
    """An operating system and a version of CPython.

    Attributes:
        platform: operating system.
        python: major and minor version of CPython.
    """

    platform: Platform
    python: tuple[int, int]

    @classmethod
    def parse(cls, platform: str, python: str) -> Target:
        """Parse a target from the command line, such as (`windows`, `3.12`).

        Raises:
            UserError: the system is unknown, or edgewbc does not support this Python.
        """
        try:
            system = Platform(platform)
        except ValueError:
            raise UserError(f"--for {platform}: a kit is for {' or '.join(Platform)}") from None
        found = re.fullmatch(r"(3)\.(\d{1,2})", python.strip(), re.ASCII)
        if found is None:
            raise UserError(f"--python {python}: give a version such as 3.12")
        version = (int(found[1]), int(found[2]))
        if version < OLDEST:
            raise UserError(f"--python {python}: edgewbc needs Python {OLDEST[0]}.{OLDEST[1]} or later")
        return cls(system, version)

    @property
    def version(self) -> str:
        """Version of Python: `3.12`."""
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def name(self) -> str:
        """Display name: `Windows (x86-64) and Python 3.12`."""
        return f"{self.platform.title()} (x86-64) and Python {self.version}"

    @property
    def platform_tags(self) -> tuple[str, ...]:
        """Platform tags of accepted wheels, the newest first (PEP 425, PEP 600)."""
        if self.platform is Platform.WINDOWS:
            return ("win_amd64",)
        # Older aliases: manylinux2014 is glibc 2.17, manylinux2010 is 2.12 and manylinux1 is 2.5.
        named = {17: "manylinux2014_x86_64", 12: "manylinux2010_x86_64", 5: "manylinux1_x86_64"}
        tags: list[str] = []
        for minor in range(GLIBC, 4, -1):
            tags.append(f"manylinux_2_{minor}_x86_64")
            if minor in named:
                tags.append(named[minor])
        return tuple(tags)

    @property
    def pip_options(self) -> list[str]:
        """Options that make `pip download` select wheels for this PC instead of the one it runs on."""
        options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.version}"]
        return options + [f"--platform={tag}" for tag in self.platform_tags]

    @cached_property
    def tags(self) -> frozenset[Tag]:
        """All tags of wheels that can be installed on the target."""
        need("packaging", "edgewbc kit", PACKAGING)
        from packaging import tags

        interpreter = f"cp{self.python[0]}{self.python[1]}"
        platforms = list(self.platform_tags)
        return frozenset(
            [
                *tags.cpython_tags(self.python, [interpreter], platforms),
                *tags.compatible_tags(self.python, interpreter, platforms),
            ]
        )

    def fits(self, wheel: str) -> bool:
        """Return whether a wheel with this file name can be installed on the target."""
        need("packaging", "edgewbc kit", PACKAGING)
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        try:
            return not self.tags.isdisjoint(parse_wheel_filename(wheel)[3])
        except InvalidWheelFilename:
            return False

    @property
    def environment(self) -> dict[str, str]:
        """Values of the environment markers on the target (PEP 508); pip uses those of the PC it runs on."""
        windows = self.platform is Platform.WINDOWS
        return {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{self.version}.0",
            "os_name": "nt" if windows else "posix",
            "platform_machine": "AMD64" if windows else "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Windows" if windows else "Linux",
            "platform_version": "",
            "python_full_version": f"{self.version}.0",
            "python_version": self.version,
            "sys_platform": "win32" if windows else "linux",
        }
