"""What is taken out of wheels."""

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
    """A wheel of that name with four libraries and the GPU's cache."""
    members = {f"openvino/libs/{name}.dll": name.encode() for name in LIBS} | {"openvino/libs/cache.json": b"{}"}
    path = wheel(tmp_path, "openvino", "2026.4", "cp312-cp312-win_amd64", ["numpy>=1"], members)
    return Wheel.read(path.rename(tmp_path / "openvino-2026.4-22982-cp312-cp312-win_amd64.whl"))


def test_gpu_and_npu_are_taken_out(openvino: Wheel) -> None:
    """The CPU's plugin and the core stay; the wheel says what was changed and whence it came, and RECORD fits."""
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


def test_twice_is_once(openvino: Wheel) -> None:
    """A wheel out of another kit is left alone, and still knows what was taken out of it."""
    first = slim(openvino)
    before = first.wheel.path.read_bytes()
    assert slim(Wheel.read(first.wheel.path)) == first
    assert first.wheel.path.read_bytes() == before


def test_the_same_wheel_gives_the_same_bytes(openvino: Wheel, tmp_path: Path) -> None:
    """Slimming is reproducible."""
    (tmp_path / "again").mkdir()
    copy = Wheel.read(Path(shutil.copy(openvino.path, tmp_path / "again")))
    assert slim(openvino).wheel.path.read_bytes() == slim(copy).wheel.path.read_bytes()


def test_whole(openvino: Wheel) -> None:
    """On demand the wheel stays as published."""
    found = slim(openvino, whole=True)
    assert (found.wheel, found.published, found.without) == (openvino, sha256(openvino.path), ())


def test_others_are_left_as_published(tmp_path: Path) -> None:
    """A package that nothing is known of keeps every byte, whatever its files are called."""
    path = wheel(tmp_path, "other", members={"openvino/libs/cache.json": b"{}"})
    before = sha256(path)
    found = slim(Wheel.read(path))
    assert (found.wheel.path, found.published, found.without) == (path, before, ())
