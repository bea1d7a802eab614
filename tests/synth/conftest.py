"""Fixtures for the tests of `edgewbc.synth`."""

from __future__ import annotations

from tests.data.conftest import drawn as drawn
