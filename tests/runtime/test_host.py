"""The PC: processor and memory, as each system tells them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgewbc.runtime import host
from edgewbc.runtime.host import Memory


def test_this_pc_has_a_name_and_memory() -> None:
    """A processor with a name, one core at least, and no more free memory than there is."""
    assert host.processor()
    assert host.cores() >= 1
    found = host.memory()
    if sys.platform == "linux":
        assert found.total is not None
        assert found.free is not None
        assert found.total > 1 << 27
        assert 0 <= found.free <= found.total


def test_proc_files_are_read(tmp_path: Path) -> None:
    """The first value of each name counts; a missing file is empty; kB are 1024 bytes."""
    (tmp_path / "info").write_text("model name\t: A: B\nmodel name\t: C\n\nnothing\nMemTotal:   16 kB\n")
    found = host._fields(tmp_path / "info")
    assert found == {"model name": "A: B", "MemTotal": "16 kB"}
    assert host._kib(found["MemTotal"]) == 16384
    assert host._kib(None) is None
    assert host._fields(tmp_path / "gone") == {}


@pytest.mark.parametrize(
    ("limit", "used", "want"),
    [("400", "100", Memory(400, 300)), ("max", "100", Memory(1000, 500)), ("5000", "100", Memory(1000, 500))],
)
def test_a_container_has_what_it_may_have(tmp_path: Path, limit: str, used: str, want: Memory) -> None:
    """Under a control group's limit, total and free memory are the container's."""
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    assert host._within(Memory(1000, 500), tmp_path) == want
    assert host._within(Memory(1000, 500), tmp_path / "gone") == Memory(1000, 500)


def test_vm_stat_is_read() -> None:
    """On macOS free and inactive pages count; other words give None."""
    text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:  10.\nPages inactive:   5.\n"
    assert host._mac_free(text) == 15 * 16384
    assert host._mac_free("") is None
