"""Tests of edgewbc.utils.optional."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import optional
from edgewbc.utils.optional import install_command, need


def test_an_installed_module_is_returned() -> None:
    """need() imports the module."""
    assert need("json", "x") is json


def test_a_missing_module_names_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one line with the purpose, the module and the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(
        UserError, match=r"pruning needs torch_pruning, which is not installed: pip install .*\[train\]"
    ):
        need("torch_pruning", "pruning")


def test_a_checkout_is_installed_by_path_and_a_wheel_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beside a pyproject.toml the extra is that of the current folder; in site-packages it is that of the package."""
    monkeypatch.setattr(optional, "_CHECKOUT", tmp_path)
    assert install_command("train") == 'pip install "edgewbc[train]"'
    (tmp_path / "pyproject.toml").touch()
    assert install_command("train") == 'pip install ".[train]" (in the checkout)'


def test_installed_versions_leave_out_what_is_missing() -> None:
    """By name of the distribution; a missing one has no entry."""
    import numpy as np

    assert optional.installed_versions("numpy", "no-such-package-here") == {"numpy": np.__version__}
