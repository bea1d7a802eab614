"""Tests of edgewbc.runtime.tuning_cache; see also test_tuning."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import tuning_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a temporary cache folder."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))


def test_choices_are_stored_per_limit(bundle: Bundle, tmp_path: Path) -> None:
    """Each thread limit has one file, and a choice is read back under its own limit only."""
    assert tuning_cache.read(bundle, None) is None
    free = tuning_cache.write(bundle, None, {"a": 1}, [])
    tied = tuning_cache.write(bundle, 1, {"a": 2}, [])
    assert tuning_cache.read(bundle, None) == {"a": 1}
    assert tuning_cache.read(bundle, 1) == {"a": 2}
    assert tuning_cache.read(bundle, 2) is None
    assert sorted((tmp_path / "cache").rglob("*.json")) == sorted([free, tied])


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """EDGEWBC_CACHE, or the system's place for such files; a relative XDG_CACHE_HOME is ignored."""
    assert tuning_cache.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv(tuning_cache.CACHE)
    monkeypatch.setattr(Path, "home", classmethod(lambda _: tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert tuning_cache.cache_folder() == tmp_path / ".cache" / "edgewbc"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert tuning_cache.cache_folder() == tmp_path / ".cache" / "edgewbc"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert tuning_cache.cache_folder() == tmp_path / "x" / "edgewbc"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tuning_cache.cache_folder() == tmp_path / "Library" / "Caches" / "edgewbc"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert tuning_cache.cache_folder() == tmp_path / "local" / "edgewbc" / "cache"
