"""edgewbc's own wheel."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

import edgewbc
from edgewbc.errors import UserError
from edgewbc.kit import own
from edgewbc.kit.wheel import Wheel
from tests.kit.test_wheel import record_is_right


def test_the_package_is_in_it_and_nothing_that_a_lab_does_not_need(tmp_path: Path) -> None:
    """Every module, no bytecode, no bundle, no recipe; requirements are the lab side's."""
    path = own.build(tmp_path)
    assert path.name == f"edgewbc-{edgewbc.__version__}-1kit-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    modules = {f"edgewbc/{f.relative_to(own.PACKAGE).as_posix()}" for f in own.PACKAGE.rglob("*.py")}
    assert modules <= names
    assert {name.partition("/")[0] for name in names} == {"edgewbc", f"edgewbc-{edgewbc.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "_shipped" in name]
    found = Wheel.read(path)
    assert {"openvino", "numpy", "typer"} <= {line.split(">")[0] for line in found.requires}
    assert not [line for line in found.requires if "torch" in line or "extra" in line]
    assert found.licence == "Apache-2.0"
    assert record_is_right(path)


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    """Bytewise reproducible."""
    (tmp_path / "b").mkdir()
    assert own.build(tmp_path).read_bytes() == own.build(tmp_path / "b").read_bytes()


def test_out_of_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a checkout the installed package's metadata says what is needed, extras left out."""
    monkeypatch.setattr(own, "PACKAGE", tmp_path / "site" / "edgewbc")
    try:
        importlib.metadata.distribution("edgewbc")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("edgewbc is not installed here")
    told = own.project()
    assert any(line.startswith("openvino") for line in told.requires)
    assert not any("torch" in line for line in told.requires)
    assert told.python == ">=3.11"
    assert b"Apache License" in told.files["LICENSE"]


def test_neither_checkout_nor_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it cannot be put into a kit, and the mend is named."""

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(own, "PACKAGE", tmp_path / "edgewbc")
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(UserError, match="pip install"):
        own.project()
