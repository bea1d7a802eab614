"""Tests of edgewbc.compress.nncf_extension."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgewbc.compress import nncf_extension
from edgewbc.compress.nncf_logging import quiet_nncf


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A folder in place of the real one, and a compiler that writes what `makes` names."""
    found = SimpleNamespace(folder=tmp_path, makes="quantized_functions_cpu.so", said=[], timeouts=[])

    def compile_all() -> None:
        found.timeouts.append(os.environ.get(nncf_extension.TIMEOUT))
        if found.makes:
            (tmp_path / found.makes).touch()

    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.delenv(nncf_extension.TIMEOUT, raising=False)
    monkeypatch.setattr(nncf_extension, "folder", lambda: tmp_path)
    with quiet_nncf() as nncf:
        monkeypatch.setattr(nncf.torch, "force_build_cpu_extensions", compile_all)
    return found


def test_it_is_said_once(built: SimpleNamespace) -> None:
    """The first use says that it compiles, and where that is kept; the second says nothing. NNCF may take its time."""
    path = os.environ.get("PATH")
    assert nncf_extension.build(built.said.append)
    assert len(built.said) == 1
    assert str(built.folder) in built.said[0]
    assert (built.timeouts, os.environ.get("PATH")) == (["0"], path)
    assert nncf_extension.build(built.said.append)
    assert len(built.said) == 1


def test_without_a_compiler_it_goes_on_and_says_so(built: SimpleNamespace) -> None:
    """Nothing was compiled: it will be slow, and that is told."""
    built.makes = ""
    assert not nncf_extension.build(built.said.append)
    assert "tens of times slower" in built.said[-1]
