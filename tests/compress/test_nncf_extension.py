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
    """Replace the folder, and the compiler by one that writes the file named in `makes`."""
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


def test_compilation_is_announced_once(built: SimpleNamespace) -> None:
    """The first use reports the compilation and its folder, the second nothing; NNCF's time limit is disabled."""
    path = os.environ.get("PATH")
    assert nncf_extension.build(built.said.append)
    assert len(built.said) == 1
    assert str(built.folder) in built.said[0]
    assert (built.timeouts, os.environ.get("PATH")) == (["0"], path)
    assert nncf_extension.build(built.said.append)
    assert len(built.said) == 1


def test_failed_compilation_is_reported(built: SimpleNamespace) -> None:
    """If nothing was compiled, a message says how much slower training will be."""
    built.makes = ""
    assert not nncf_extension.build(built.said.append)
    assert "tens of times slower" in built.said[-1]
