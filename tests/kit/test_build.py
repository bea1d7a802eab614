"""A kit as a whole."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.kit.build import Options, build, pack
from edgewbc.kit.target import Platform, Target
from tests.kit.conftest import Made

PIN = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def files(folder: Path) -> dict[str, Path]:
    """Every file by its name within the folder."""
    return {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file()}


def test_every_wheel_of_a_windows_kit_is_for_windows(windows: Made) -> None:
    """win_amd64 or pure, for one of the Pythons; as pip will see them, by their names."""
    names = [Path(name).name for name in files(windows.folder) if name.endswith(".whl")]
    assert len(names) == len(windows.kit.facts["wheels"]) > 10
    assert all(name.endswith(("-win_amd64.whl", "-none-any.whl")) for name in names)
    targets = [Target(Platform.WINDOWS, (3, minor)) for minor in (12, 13)]
    assert all(any(target.fits(name) for target in targets) for name in names)
    assert sum(name.startswith("openvino-") for name in names) == 2
    assert sum(name.startswith("colorama-") for name in names) == 1


def test_a_linux_kit_has_linux_wheels(linux: Made) -> None:
    """manylinux or pure; what only Windows needs is not there, nor is what reports usage."""
    names = [Path(name).name for name in files(linux.folder) if name.endswith(".whl")]
    assert all(name.endswith(("-manylinux_2_28_x86_64.whl", "-none-any.whl")) for name in names)
    assert not [name for name in names if name.startswith(("colorama", "openvino_telemetry", "extra_one"))]
    assert "openvino-telemetry" in linux.kit.facts["left_out"]


@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_pins_name_what_is_there(windows: Made, python: str) -> None:
    """Each Python has its list, every line with the hash of a wheel in the kit that fits it, each package once."""
    held = {hashlib.sha256(f.read_bytes()).hexdigest(): f.name for f in (windows.folder / "files/wheels").iterdir()}
    lines = (windows.folder / f"files/requirements-{python}.txt").read_text().splitlines()
    pins = [PIN.fullmatch(line) for line in lines]
    target = Target.parse("windows", python)
    assert all(pin and target.fits(held[pin[3]]) for pin in pins)
    names = [pin[1] for pin in pins if pin]
    assert len(set(names)) == len(names)
    assert {"edgewbc", "openvino", "numpy", "typer", "colorama", "deeper"} <= set(names)


@pytest.mark.parametrize("which", ["windows", "linux"])
def test_sums_are_complete_and_right(which: str, request: pytest.FixtureRequest) -> None:
    """SHA256SUMS names every other file with its hash."""
    made: Made = request.getfixturevalue(which)
    found = files(made.folder)
    lines = dict(reversed(line.split("  ", 1)) for line in found.pop("SHA256SUMS").read_text().splitlines())
    assert set(lines) == set(found)
    assert all(hashlib.sha256(found[name].read_bytes()).hexdigest() == digest for name, digest in lines.items())
    assert made.kit.files == len(lines)


def test_the_bundle_is_in_it(linux: Made) -> None:
    """It opens, is whole, and is the model that kit.json names."""
    bundle = Bundle.open(linux.folder / "files" / "model")
    assert bundle.sums == linux.bundle.sums
    assert len(bundle.verify()) == len(linux.bundle.sums)
    told = json.loads((linux.folder / "files" / "kit.json").read_text())
    assert told == linux.kit.facts
    assert told["model"] == {"name": "tiny", "precision": "int8", "sha256": bundle.model_sha256()}
    assert (told["platform"], told["pythons"]) == ("linux", ["3.12"])


def test_what_was_taken_out_is_told(linux: Made) -> None:
    """OpenVINO is without its GPU and NPU parts, and the hash of the published wheel is kept."""
    (openvino,) = [wheel for wheel in linux.kit.facts["wheels"] if wheel["name"] == "openvino"]
    published = next(linux.index.glob("openvino-*-cp312-cp312-manylinux*.whl"))
    assert openvino["published_sha256"] == hashlib.sha256(published.read_bytes()).hexdigest() != openvino["sha256"]
    assert [Path(name).stem for name in openvino["without"]] == [
        "openvino_intel_gpu_plugin",
        "openvino_intel_npu_compiler",
    ]
    (numpy,) = [wheel for wheel in linux.kit.facts["wheels"] if wheel["name"] == "numpy"]
    assert numpy["published_sha256"] == numpy["sha256"]


def test_licences_of_every_wheel(windows: Made) -> None:
    """Each wheel has a row, and each package a folder with its texts."""
    assert len(windows.kit.licences) == len(windows.kit.facts["wheels"])
    assert all(row["texts"] >= 1 for row in windows.kit.licences)
    assert (windows.folder / "LICENCES" / "deeper-9999.1" / "LICENSE").read_bytes() == b"Be kind.\n"
    assert (windows.folder / "LICENCES" / f"edgewbc-{windows.kit.facts['edgewbc']}" / "NOTICE").is_file()


def test_installer_travels(windows: Made) -> None:
    """Python's installer is in the kit, and the launcher and the guide point to it."""
    assert windows.kit.facts["python_installer"] == "prerequisites/python-3.12.9-amd64.exe"
    assert (windows.folder / "prerequisites" / "python-3.12.9-amd64.exe").read_bytes() == b"MZ"
    for name in ("install.bat", "guide.html"):
        assert "python-3.12.9-amd64.exe in the folder prerequisites" in (windows.folder / name).read_text()


def test_the_zip_is_the_folder(linux: Made, tmp_path: Path) -> None:
    """Same files, scripts executable, the same bytes each time, sizes as said."""
    packed = linux.folder.with_name("kit-linux.zip")
    pack(linux.folder, tmp_path / "again.zip")
    assert packed.read_bytes() == (tmp_path / "again.zip").read_bytes()
    assert linux.kit.zip_size == packed.stat().st_size
    assert linux.kit.size == sum(f.stat().st_size for f in files(linux.folder).values())
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {f"kit-linux/{name}" for name in files(linux.folder)}
        bits = {i.filename: i.external_attr >> 16 & 0o111 for i in archive.infolist()}
        assert {name for name, bit in bits.items() if bit} == {"kit-linux/install.sh", "kit-linux/classify.sh"}
        assert archive.read("kit-linux/guide.html") == (linux.folder / "guide.html").read_bytes()


def test_the_same_parts_make_the_same_kit(linux: Made, tmp_path: Path) -> None:
    """No time and no path of the PC that made it gets into a kit."""
    options = Options(wheels=linux.index)
    build([Target(Platform.LINUX, (3, 12))], tmp_path / "other", linux.bundle, options)
    assert (tmp_path / "other" / "SHA256SUMS").read_bytes() == (linux.folder / "SHA256SUMS").read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


@pytest.mark.parametrize(
    ("platform", "options", "words"),
    [
        ("linux", {"wheels": "empty"}, "empty: contains no wheels"),
        ("linux", {"python_installer": "python.exe"}, "only a kit for Windows takes an installer"),
        ("windows", {"python_installer": "gone.exe"}, "--python-installer .*gone.exe: should be an .exe file"),
        ("windows", {"vc_redist": "a b&c.exe"}, "--vc-redist .*: should be an .exe file"),
        ("linux", {"to": "full"}, "full: exists already"),
        ("linux", {"to": "packed", "zip": True}, "packed.zip: exists already"),
    ],
)
def test_a_mistake_leaves_nothing(
    parts: tuple[Path, Bundle], tmp_path: Path, platform: str, options: dict[str, object], words: str
) -> None:
    """One line, and nothing is made."""
    for name in ("python.exe", "a b&c.exe", "packed.zip", "full/mine.txt", "empty/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    before = files(tmp_path)
    given = {name: tmp_path / value if isinstance(value, str) else value for name, value in options.items()}
    to = given.pop("to", tmp_path / "kit")
    with pytest.raises(UserError, match=words):
        build([Target(Platform(platform), (3, 12))], to, parts[1], Options(**{"wheels": parts[0], **given}))
    assert files(tmp_path) == before


def test_a_wheel_that_is_missing_leaves_nothing(parts: tuple[Path, Bundle], tmp_path: Path) -> None:
    """A Python for which there is no wheel: the package is named, and no folder is left."""
    with pytest.raises(UserError, match=r"(numpy|openvino): no wheel for Linux \(x86-64\) and Python 3.19"):
        build([Target(Platform.LINUX, (3, 19))], tmp_path / "kit", parts[1], Options(wheels=parts[0]))
    assert list(tmp_path.iterdir()) == []
