"""Tests of edgewbc.kit.slim."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from edgewbc.kit.slim import slim
from edgewbc.kit.wheel import Wheel
from edgewbc.utils.files import sha256
from tests.kit.fake import wheel
from tests.kit.test_wheel import record_is_right

LIBS = ("openvino_intel_cpu_plugin", "openvino_intel_gpu_plugin", "openvino_intel_npu_compiler", "openvino")


@pytest.fixture
def openvino(tmp_path: Path) -> Wheel:
    """Return a wheel named openvino with four libraries and the GPU's kernel cache."""
    members = {f"openvino/libs/{name}.dll": name.encode() for name in LIBS} | {"openvino/libs/cache.json": b"{}"}
    path = wheel(tmp_path, "openvino", "2026.4", "cp312-cp312-win_amd64", ["numpy>=1"], members)
    return Wheel.read(path.rename(tmp_path / "openvino-2026.4-22982-cp312-cp312-win_amd64.whl"))


def test_gpu_and_npu_plugins_are_removed(openvino: Wheel) -> None:
    """The CPU plugin stays; the wheel records the removed files and the published hash, and RECORD is valid."""
    published = sha256(openvino.path)
    found = slim(openvino)
    assert found.published == published
    assert found.without == (
        "openvino/libs/cache.json",
        "openvino/libs/openvino_intel_gpu_plugin.dll",
        "openvino/libs/openvino_intel_npu_compiler.dll",
    )
    assert found.wheel.path.name == "openvino-2026.4-22982slim-cp312-cp312-win_amd64.whl"
    assert not openvino.path.exists()
    assert found.wheel.requires == ("numpy>=1",)
    assert record_is_right(found.wheel.path)
    with zipfile.ZipFile(found.wheel.path) as archive:
        assert archive.read("openvino/libs/openvino_intel_cpu_plugin.dll") == b"openvino_intel_cpu_plugin"
        assert archive.read("openvino-2026.4.dist-info/WHEEL").splitlines()[-1] == b"Build: 22982slim"
        note = json.loads(archive.read("openvino-2026.4.dist-info/edgewbc-slim.json"))
    assert note == {"changed_by": "edgewbc kit", "published_sha256": published, "without": list(found.without)}


def test_slimmed_wheel_is_not_changed_again(openvino: Wheel) -> None:
    """A wheel of another kit is unchanged, and the files that were removed from it are still known."""
    first = slim(openvino)
    before = first.wheel.path.read_bytes()
    assert slim(Wheel.read(first.wheel.path)) == first
    assert first.wheel.path.read_bytes() == before


def test_slimmed_wheel_is_reproducible(openvino: Wheel, tmp_path: Path) -> None:
    """Two copies of a wheel give the same bytes."""
    (tmp_path / "again").mkdir()
    copy = Wheel.read(Path(shutil.copy(openvino.path, tmp_path / "again")))
    assert slim(openvino).wheel.path.read_bytes() == slim(copy).wheel.path.read_bytes()


def test_wheel_can_be_kept_as_published(openvino: Wheel) -> None:
    """With `whole`, nothing is removed."""
    found = slim(openvino, whole=True)
    assert (found.wheel, found.published, found.without) == (openvino, sha256(openvino.path), ())


def test_other_packages_are_unchanged(tmp_path: Path) -> None:
    """Other packages are not changed, even if they have files of the same names."""
    path = wheel(tmp_path, "other", members={"openvino/libs/cache.json": b"{}"})
    before = sha256(path)
    found = slim(Wheel.read(path))
    assert (found.wheel.path, found.published, found.without) == (path, before, ())
