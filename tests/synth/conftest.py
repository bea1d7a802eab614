"""Fixtures of the tests of synthetic smears."""

from __future__ import annotations

from tests.data.conftest import drawn as drawn
