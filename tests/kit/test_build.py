"""Tests of edgewbc.kit.build."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle import signature
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.kit.build import KitOptions, build, pack
from edgewbc.kit.target import Platform, Target
from tests.kit.conftest import Made
from tests.tiny import make_bundle

PIN = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def files(folder: Path) -> dict[str, Path]:
    """Return every file in a folder by its relative path."""
    return {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file()}


def test_windows_kit_has_windows_wheels(windows: Made) -> None:
    """Every wheel is for win_amd64 or pure Python, and fits one of the versions of Python."""
    names = [Path(name).name for name in files(windows.folder) if name.endswith(".whl")]
    assert len(names) == len(windows.kit.facts.wheels) > 10
    assert all(name.endswith(("-win_amd64.whl", "-none-any.whl")) for name in names)
    targets = [Target(Platform.WINDOWS, (3, minor)) for minor in (12, 13)]
    assert all(any(target.fits(name) for target in targets) for name in names)
    assert sum(name.startswith("openvino-") for name in names) == 2
    assert sum(name.startswith("colorama-") for name in names) == 1


def test_linux_kit_has_linux_wheels(linux: Made) -> None:
    """Every wheel is manylinux or pure Python; requirements of Windows and packages that report usage are left out."""
    names = [Path(name).name for name in files(linux.folder) if name.endswith(".whl")]
    assert all(name.endswith(("-manylinux_2_28_x86_64.whl", "-none-any.whl")) for name in names)
    assert not [name for name in names if name.startswith(("colorama", "openvino_telemetry", "extra_one"))]
    assert "openvino-telemetry" in linux.kit.facts.left_out


@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_requirements_match_the_wheels(windows: Made, python: str) -> None:
    """Each Python has its list: every line has the hash of a fitting wheel in the kit, and each package occurs once."""
    wheels = {hashlib.sha256(f.read_bytes()).hexdigest(): f.name for f in (windows.folder / "files/wheels").iterdir()}
    lines = (windows.folder / f"files/requirements-{python}.txt").read_text().splitlines()
    pins = [PIN.fullmatch(line) for line in lines]
    target = Target.parse("windows", python)
    assert all(pin and target.fits(wheels[pin[3]]) for pin in pins)
    names = [pin[1] for pin in pins if pin]
    assert len(set(names)) == len(names)
    assert {"edgewbc", "openvino", "numpy", "typer", "colorama", "deeper"} <= set(names)


@pytest.mark.parametrize("which", ["windows", "linux"])
def test_checksums_are_complete_and_correct(which: str, request: pytest.FixtureRequest) -> None:
    """SHA256SUMS lists every other file with its hash."""
    made: Made = request.getfixturevalue(which)
    found = files(made.folder)
    lines = [line.split("  ", 1) for line in found.pop("SHA256SUMS").read_text().splitlines()]
    assert sorted(name for _, name in lines) == sorted(found)
    assert all(hashlib.sha256(found[name].read_bytes()).hexdigest() == digest for digest, name in lines)
    assert made.kit.files == len(lines)


def test_kit_contains_the_bundle(linux: Made) -> None:
    """It passes verification, and kit.json has its name, precision and hash."""
    bundle = Bundle.open(linux.folder / "files" / "model")
    assert bundle.sums == linux.bundle.sums
    assert len(bundle.verify()) == len(linux.bundle.sums)
    facts = json.loads((linux.folder / "files" / "kit.json").read_text())
    assert facts == linux.kit.facts.to_json()
    assert facts["model"] == {"name": "tiny", "precision": "int8", "sha256": bundle.model_sha256()}
    assert (facts["platform"], facts["pythons"]) == ("linux", ["3.12"])


def test_removed_files_are_recorded(linux: Made) -> None:
    """The GPU and NPU plugins of OpenVINO are removed; kit.json lists them, with the hash of the published wheel."""
    (openvino,) = [wheel for wheel in linux.kit.facts.wheels if wheel.name == "openvino"]
    published = next(linux.index.glob("openvino-*-cp312-cp312-manylinux*.whl"))
    assert openvino.published_sha256 == hashlib.sha256(published.read_bytes()).hexdigest() != openvino.sha256
    assert [Path(name).stem for name in openvino.without] == [
        "openvino_intel_gpu_plugin",
        "openvino_intel_npu_compiler",
    ]
    (numpy,) = [wheel for wheel in linux.kit.facts.wheels if wheel.name == "numpy"]
    assert numpy.published_sha256 == numpy.sha256


def test_licenses_of_every_wheel(windows: Made) -> None:
    """Each wheel has a row in the list, and each package a folder with its license texts."""
    assert len(windows.kit.licenses) == len(windows.kit.facts.wheels)
    assert all(row.texts >= 1 for row in windows.kit.licenses)
    assert (windows.folder / "LICENSES" / "deeper-9999.1" / "LICENSE").read_bytes() == b"Be kind.\n"
    assert (windows.folder / "LICENSES" / f"edgewbc-{windows.kit.facts.edgewbc}" / "NOTICE").is_file()


def test_python_installer_is_included(windows: Made) -> None:
    """Python's installer is in the kit, and the launcher and the guide name its folder."""
    assert windows.kit.facts.installers["python_installer"] == "prerequisites/python-3.12.9-amd64.exe"
    assert (windows.folder / "prerequisites" / "python-3.12.9-amd64.exe").read_bytes() == b"MZ"
    for name in ("install.bat", "guide.html"):
        assert "python-3.12.9-amd64.exe in the folder prerequisites" in (windows.folder / name).read_text()


def test_zip_has_the_files_of_the_folder(linux: Made, tmp_path: Path) -> None:
    """Scripts stay executable, the zip is reproducible, and the reported sizes are correct."""
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


def test_kit_is_reproducible(linux: Made, tmp_path: Path) -> None:
    """A kit depends neither on the time nor on the path or PC where it was built."""
    options = KitOptions(wheels=linux.index)
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
def test_invalid_options_leave_no_kit(
    parts: tuple[Path, Bundle], tmp_path: Path, platform: str, options: dict[str, object], words: str
) -> None:
    """The error names the option or file, and nothing is written."""
    for name in ("python.exe", "a b&c.exe", "packed.zip", "full/mine.txt", "empty/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    before = files(tmp_path)
    given: dict[str, Any] = {
        name: tmp_path / value if isinstance(value, str) else value for name, value in options.items()
    }
    to = given.pop("to", tmp_path / "kit")
    with pytest.raises(UserError, match=words):
        build([Target(Platform(platform), (3, 12))], to, parts[1], KitOptions(**{"wheels": parts[0], **given}))
    assert files(tmp_path) == before


def test_missing_wheel_leaves_no_kit(parts: tuple[Path, Bundle], tmp_path: Path) -> None:
    """If a package has no wheel for a version of Python, the error names it and no folder is left."""
    with pytest.raises(UserError, match=r"(numpy|openvino): no wheel for Linux \(x86-64\) and Python 3.19"):
        build([Target(Platform.LINUX, (3, 19))], tmp_path / "kit", parts[1], KitOptions(wheels=parts[0]))
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_without_openvino_files_leaves_no_kit(parts: tuple[Path, Bundle], tmp_path: Path) -> None:
    """A bundle whose default precision has no OpenVINO files is refused before anything is built."""
    onnx, f32 = tmp_path / "onnx-only", tmp_path / "f32-only"
    for folder, files in (
        (onnx, {"int8": {"onnx": ["onnx/int8.onnx"]}}),
        (f32, {"int8": {"onnx": ["onnx/int8.onnx"]}, "f32": {"openvino": ["openvino/f32.xml", "openvino/f32.bin"]}}),
    ):
        (folder / "onnx").mkdir(parents=True)
        (folder / "onnx" / "int8.onnx").write_bytes(b"a network")
        bundle = make_bundle(folder, files=files)
        assert bundle.default_precision == "int8"
        with pytest.raises(UserError, match=f"{folder.name}: has no OpenVINO files, which the lab's PC needs"):
            build([Target(Platform.LINUX, (3, 12))], tmp_path / "kit", bundle, KitOptions(wheels=parts[0]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f32-only", "onnx-only"]


def test_a_kit_pins_keys(windows: Made, parts: tuple[Path, Bundle], tmp_path: Path) -> None:
    """With --trust, the kit has the key and the signature; an unsigned bundle is refused before anything is built."""
    sign = pytest.importorskip("edgewbc.export.sign")
    pytest.importorskip("cryptography")
    wheels, bundle = parts
    public = sign.new_key(tmp_path / "k", "City Hospital")
    targets = [Target.parse("windows", "3.12")]
    with pytest.raises(UserError, match="--require-signature: .* is not signed"):
        build(targets, tmp_path / "kit", bundle, KitOptions(wheels, trust=public))
    assert not (tmp_path / "kit").exists()
    shutil.copytree(bundle.path, tmp_path / "b")
    sign.sign(tmp_path / "b", tmp_path / "k")
    build(targets, tmp_path / "kit", Bundle.open(tmp_path / "b"), KitOptions(wheels, trust=public))
    keys = signature.read_keys(tmp_path / "kit" / "files" / "trusted-keys.txt")
    model = Bundle.open(tmp_path / "kit" / "files" / "model")
    assert signature.require(model, keys).trust == "trusted"
    assert "files/model/SIGNATURE" in (tmp_path / "kit" / "SHA256SUMS").read_text()
