"""A tiny bundle, and what the tests of damaged bundles share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from tests.tiny import make_bundle

WILD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a bundle shared by all tests, which must not modify it."""
    return make_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def folder(made: Bundle, tmp_path: Path) -> Path:
    """Return a copy of the bundle that a test may modify."""
    return Path(shutil.copytree(made.path, tmp_path / "copy"))


def opens_or_is_refused(folder: Path) -> None:
    try:
        bundle = Bundle.open(folder)
        bundle.verify()
        for precision in bundle.precisions:
            bundle.model_files("openvino", precision)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
