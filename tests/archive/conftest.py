"""One Ray for all tests of the archive: starting it takes longer than any of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from edgewbc.archive.cluster import Cluster, ClusterOptions, connected

WORKERS = 2


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Ray with two workers; what is classified on Ray in this process uses it too."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        pytest.skip("ray is not installed (extra archive)")
    with connected(ClusterOptions(workers=WORKERS)) as started:
        yield started
