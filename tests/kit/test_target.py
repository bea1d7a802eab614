"""Which wheels fit which PC."""

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
def test_a_windows_kit_takes_windows_and_pure_wheels_only(minor: int, abi: str, platform: str) -> None:
    """Whatever the tags: what fits is for win_amd64 or any, and for an ABI that Python 3.12 has."""
    python = f"cp3{minor}"
    name = f"thing-1.0-{python}-{python if abi == 'own' else abi}-{platform}.whl"
    allowed = minor == 12 if abi in ("own", "none") else minor <= 12
    if abi == "none" and platform == "any":
        allowed = minor == 12  # cp312-none-any
    expected = allowed and platform in ("win_amd64", "any") and not (abi != "none" and platform == "any")
    assert WINDOWS.fits(name) == expected


@given(minors, platforms)
def test_a_linux_kit_asks_for_no_newer_glibc_than_it_says(minor: int, platform: str) -> None:
    """manylinux up to 2.28 and pure wheels; no musl, no other processor, no bare linux tag."""
    fits = LINUX.fits(f"thing-1.0-cp3{minor}-cp3{minor}-{platform}.whl")
    assert fits == (minor == 12 and platform in ("manylinux2014_x86_64", "manylinux_2_28_x86_64"))


@pytest.mark.parametrize("name", ["thing-1.0-py3-none-any.whl", "thing-1.0-py2.py3-none-any.whl"])
def test_pure_wheels_fit_everywhere(name: str) -> None:
    """A wheel in pure Python is for both systems."""
    assert WINDOWS.fits(name)
    assert LINUX.fits(name)


@pytest.mark.parametrize("name", ["thing.whl", "thing-1.0.tar.gz", ""])
def test_what_is_no_wheel_does_not_fit(name: str) -> None:
    """A name that is not a wheel's is refused and raises nothing."""
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
def test_a_mistake_is_one_line(platform: str, python: str, words: str) -> None:
    """An unknown system and a Python that cannot be served are told with what can."""
    with pytest.raises(UserError, match=words):
        Target.parse(platform, python)


def test_markers_are_those_of_the_other_pc() -> None:
    """What a requirement asks of its surroundings is answered for the lab's PC."""
    from packaging.markers import Marker

    assert Marker('platform_system == "Windows" and sys_platform == "win32"').evaluate(WINDOWS.environment)
    assert not Marker('platform_system == "Windows"').evaluate(LINUX.environment)
    assert Marker('python_version < "3.13" and os_name == "posix"').evaluate(LINUX.environment)
    assert not Marker('extra == "all"').evaluate(LINUX.environment)


def test_pip_is_told_the_pc() -> None:
    """Wheels only, for that system and that Python."""
    assert WINDOWS.pip_options == [
        "--only-binary=:all:",
        "--implementation=cp",
        "--python-version=3.12",
        "--platform=win_amd64",
    ]
    assert LINUX.pip_options[3] == "--platform=manylinux_2_28_x86_64"
    assert "--platform=manylinux2014_x86_64" in LINUX.pip_options
