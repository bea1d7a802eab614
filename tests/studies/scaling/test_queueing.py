"""Tests of bench.scaling.queueing against the closed forms of queueing theory, and against bounds."""

from __future__ import annotations

import numpy as np
import pytest

from bench.scaling import queueing
from bench.scaling.queueing import Storage, archive, open_queue, waits

JOBS = 120_000
SERVICE = 0.002
FAST = Storage("fast", 1e9, 1e9, 1e12)


def test_a_queue_by_hand() -> None:
    """Two cores, jobs of a second, three at once: the third waits for the first core."""
    found = waits(np.array([0.0, 0.0, 0.0, 5.0]), np.array([1.0, 2.0, 1.0, 1.0]), 2)
    assert found.tolist() == [0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_constant_service_is_m_d_1(load: float) -> None:
    """The mean wait, within 5 %."""
    found = open_queue(np.random.default_rng(1), np.array([SERVICE]), 1, load, JOBS)
    assert found.mean() == pytest.approx(queueing.md1_wait(load, SERVICE), rel=0.05)


@pytest.mark.parametrize(("load", "cores"), [(0.5, 1), (0.8, 1), (0.7, 4), (0.9, 8)])
def test_exponential_service_is_m_m_c(load: float, cores: int) -> None:
    """The mean wait, within 8 %; with one core, M/M/c is M/M/1."""
    services = np.random.default_rng(2).exponential(SERVICE, 200_000)
    found = open_queue(np.random.default_rng(3), services, cores, load, JOBS)
    expected = queueing.mmc_wait(load, SERVICE, cores)
    assert found.mean() == pytest.approx(expected, rel=0.08)
    if cores == 1:
        assert expected == pytest.approx(queueing.mm1_wait(load, SERVICE))


def test_an_archive_is_as_fast_as_its_slowest_station() -> None:
    """Cores, storage by files, storage by bytes, and listing, one after another."""
    services, sizes = np.full(10, 0.001), np.full(10, 10_000.0)
    cases = (
        (FAST, 4_000.0, "cores"),
        (Storage("files", 1e9, 1_500, 1e12), 1_500.0, "storage"),
        (Storage("bytes", 1e9, 1e9, 5e6), 500.0, "storage"),
        (Storage("names", 900, 1e9, 1e12), 900.0, "listing"),
    )
    for storage, rate, limit in cases:
        found = archive(np.random.default_rng(0), services, sizes, 4, storage, 4_000)
        assert found.images_per_s == pytest.approx(rate, rel=0.02)
        assert found.limit == limit
        assert max(found.busy.values()) == pytest.approx(1.0, abs=0.03)


def test_the_same_seed_gives_the_same_numbers() -> None:
    services, sizes = np.linspace(0.001, 0.003, 50), np.linspace(5e3, 2e4, 50)
    one, two = (archive(np.random.default_rng(7), services, sizes, 3, FAST, 2_000) for _ in range(2))
    assert one == two
