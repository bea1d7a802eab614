"""Optional dependencies."""

import json
import sys

import pytest

from edgewbc.errors import UserError
from edgewbc.utils.optional import need


def test_what_is_installed_is_given():
    """An installed module comes back."""
    assert need("json", "x") is json


def test_what_is_missing_names_its_install_command(monkeypatch):
    """A missing module is one line with the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(UserError, match=r'pruning needs torch_pruning, .*pip install "edgewbc\[train\]"'):
        need("torch_pruning", "pruning")
