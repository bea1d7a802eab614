"""The PC: processor and memory, as each system reports them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgewbc.runtime import host
from edgewbc.runtime.host import Memory


def test_this_pc_has_a_name_and_memory() -> None:
    """The processor has a name and at least one core, and free memory is at most the total."""
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
    ("limit", "used", "expected"),
    [("400", "100", Memory(400, 300)), ("max", "100", Memory(1000, 500)), ("5000", "100", Memory(1000, 500))],
)
def test_memory_limit_of_a_container(tmp_path: Path, limit: str, used: str, expected: Memory) -> None:
    """Under a control group's limit, total and free memory are the container's."""
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    assert host._limited(Memory(1000, 500), tmp_path) == expected
    assert host._limited(Memory(1000, 500), tmp_path / "gone") == Memory(1000, 500)


def test_vm_stat_is_read() -> None:
    """On macOS free and inactive pages count; other words give None."""
    text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:  10.\nPages inactive:   5.\n"
    assert host._mac_free(text) == 15 * 16384
    assert host._mac_free("") is None


@pytest.mark.parametrize(
    ("files", "own", "quota"),
    [
        ({}, "", None),
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 1.5),
        ({"a/cpu.max": "400000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 4.0),
        ({"cpu.max": "200000 100000\n"}, "0::/../of-the-host\n", 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, "4:cpu:/\n", None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "4:cpu:/not/mounted\n", 0.5),
        (
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/x/cpu.cfs_period_us": "100000\n"},
            "9:memory:/x\n4:cpu,cpuacct:/x\n",
            3.0,
        ),
        ({"cpu.max": "broken\n"}, "junk\n", None),
    ],
)
def test_cpu_quota_of_a_container(tmp_path: Path, files: dict[str, str], own: str, quota: float | None) -> None:
    """Quotas of control groups, version 2 and 1, of the process's group or a parent, limit the number of processors."""
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert host._cpu_quota(tmp_path / "cgroup", tmp_path / "own") == quota


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (0.5, 1), (1.5, 2), (3.0, 3), (64.0, 8)])
def test_cores_respect_the_quota(monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int) -> None:
    """The quota is rounded up, is at least one, and never adds processors to those allowed."""
    monkeypatch.setattr("edgewbc.runtime.host.os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(host, "_cpu_quota", lambda *_: quota)
    assert host.cores() == cores
