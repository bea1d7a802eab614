"""Tests of edgewbc.kit.target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.errors import UserError
from edgewbc.kit.target import Platform, Target

WINDOWS = Target(Platform.WINDOWS, (3, 12))
LINUX = Target(Platform.LINUX, (3, 12))

platforms = st.sampled_from(
    ["any", "win_amd64", "win32", "win_arm64", "macosx_11_0_arm64", "linux_x86_64", "musllinux_1_2_x86_64"]
    + ["manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_35_x86_64", "manylinux_2_28_aarch64"]
)
minors = st.integers(5, 20)


@given(minors, st.sampled_from(["own", "abi3", "none"]), platforms)
def test_windows_kit_accepts_only_windows_and_pure_wheels(minor: int, abi: str, platform: str) -> None:
    """A wheel fits if it is for win_amd64 or any platform, and for an ABI that Python 3.12 has."""
    python = f"cp3{minor}"
    name = f"thing-1.0-{python}-{python if abi == 'own' else abi}-{platform}.whl"
    allowed = minor == 12 if abi in ("own", "none") else minor <= 12
    if abi == "none" and platform == "any":
        allowed = minor == 12  # cp312-none-any
    expected = allowed and platform in ("win_amd64", "any") and not (abi != "none" and platform == "any")
    assert WINDOWS.fits(name) == expected


@given(minors, platforms)
def test_linux_kit_accepts_only_glibc_up_to_its_limit(minor: int, platform: str) -> None:
    """Wheels for manylinux up to 2.28 fit; those for musl, other processors or plain linux do not."""
    fits = LINUX.fits(f"thing-1.0-cp3{minor}-cp3{minor}-{platform}.whl")
    assert fits == (minor == 12 and platform in ("manylinux2014_x86_64", "manylinux_2_28_x86_64"))


@pytest.mark.parametrize("name", ["thing-1.0-py3-none-any.whl", "thing-1.0-py2.py3-none-any.whl"])
def test_pure_wheels_fit_everywhere(name: str) -> None:
    """A wheel in pure Python fits both systems."""
    assert WINDOWS.fits(name)
    assert LINUX.fits(name)


@pytest.mark.parametrize("name", ["thing.whl", "thing-1.0.tar.gz", ""])
def test_other_file_names_do_not_fit(name: str) -> None:
    """A name that is not a wheel's does not fit, without an exception."""
    assert not WINDOWS.fits(name)


@pytest.mark.parametrize(
    ("platform", "python", "words"),
    [
        ("macos", "3.12", "a kit is for windows or linux"),
        ("windows", "3.10", "needs Python 3.11 or later"),
        ("windows", "2.7", "give a version such as 3.12"),
        ("windows", "3", "give a version such as 3.12"),
        ("windows", "3.12.1", "give a version such as 3.12"),
        ("windows", "", "give a version such as 3.12"),
    ],
)
def test_invalid_target_is_refused(platform: str, python: str, words: str) -> None:
    """An unknown system or an unsupported Python is an error with the supported values."""
    with pytest.raises(UserError, match=words):
        Target.parse(platform, python)


def test_markers_are_evaluated_for_the_target() -> None:
    """Platform and Python of a marker are those of the lab's PC, not of this one."""
    from packaging.markers import Marker

    assert Marker('platform_system == "Windows" and sys_platform == "win32"').evaluate(WINDOWS.environment)
    assert not Marker('platform_system == "Windows"').evaluate(LINUX.environment)
    assert Marker('python_version < "3.13" and os_name == "posix"').evaluate(LINUX.environment)
    assert not Marker('extra == "all"').evaluate(LINUX.environment)


def test_pip_options() -> None:
    """pip downloads only wheels, for the target's system and Python."""
    assert WINDOWS.pip_options == [
        "--only-binary=:all:",
        "--implementation=cp",
        "--python-version=3.12",
        "--platform=win_amd64",
    ]
    assert LINUX.pip_options[3] == "--platform=manylinux_2_28_x86_64"
    assert "--platform=manylinux2014_x86_64" in LINUX.pip_options
