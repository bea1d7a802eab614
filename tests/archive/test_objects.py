"""Functions applied on Ray, and an audit that reads its images there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgewbc.archive import objects
from edgewbc.archive.cluster import Cluster, ClusterOptions
from edgewbc.data import audit as audits
from edgewbc.errors import UserError
from tests.labeled import make_manifest


def doubled(value: int) -> int:
    """Return twice a value; of 13, an error."""
    if value == 13:
        raise UserError("13: as expected")
    return 2 * value


def test_each_object_has_one_result(cluster: Cluster) -> None:
    """Results come in any order; an error for the user ends the loop in one line."""
    assert sorted(objects.mapped(cluster, doubled, range(12), part=5)) == list(range(0, 24, 2))
    with pytest.raises(UserError, match="13: as expected"):
        list(objects.mapped(cluster, doubled, [13]))
    assert list(objects.mapped(cluster, doubled, [])) == []


def test_audit_on_ray_is_the_audit(cluster: Cluster, tmp_path: Path, edgewbc: Callable[..., object]) -> None:
    """`data audit --engine ray` finds what `data audit` finds: faults, notes, copies and leaks."""
    folder = tmp_path / "manifest"
    made = make_manifest(folder, n=4)
    first, second, third, *_ = (made.root / entry.path for entry in made.entries)
    second.write_bytes(first.read_bytes())
    third.write_bytes(b"no image")
    results = []
    for options in ((), ("--engine", "ray")):
        ran = edgewbc("data", "audit", folder, "--json", "--out", tmp_path / "audit.json", *options)
        assert vars(ran)["code"] == 2, ran
        results.append(json.loads(vars(ran)["out"]))
    assert results[0] == results[1]
    assert results[0]["counts"]["unreadable"] == 1
    assert results[0]["counts"]["exact_duplicates"] == 1


def test_an_audit_compares_without_ray(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edgewbc: Callable[..., object]
) -> None:
    """It is disconnected when all images are read: a Ray that is killed later would end the command without a word."""
    pytest.importorskip("pyarrow")
    make_manifest(tmp_path / "manifest", n=4)
    steps: list[str] = []

    class Here(Cluster):
        def map(self, worker: type, argument: object, tables: object) -> Iterator[object]:  # type: ignore[override]
            for table in tables:  # type: ignore[attr-defined]
                steps.append("read")
                yield worker(argument)(table)

    @contextmanager
    def connected(options: ClusterOptions, say: Callable[[str], None]) -> Iterator[Cluster]:
        assert options == ClusterOptions(workers=1)
        try:
            yield Here(1, True, tmp_path)
        finally:
            steps.append("disconnected")

    def near(*_: object) -> list[audits.Duplicate]:
        steps.append("compare")
        return []

    monkeypatch.setattr(objects, "connected", connected)
    monkeypatch.setattr(audits, "_near", near)
    ran = edgewbc("data", "audit", tmp_path / "manifest", "--engine", "ray", "--threads", "1")
    assert vars(ran)["code"] == 0, ran
    assert steps == ["read", "disconnected", "compare"]
