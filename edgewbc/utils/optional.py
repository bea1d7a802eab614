"""Optional dependencies, in one place, with the command that installs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from edgewbc.errors import UserError

TRAIN = 'pip install "edgewbc[train]"'


def need(module: str, purpose: str, install: str = TRAIN) -> ModuleType:
    """Import an optional module, or say which command installs it.

    Raises:
        UserError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise UserError(f"{purpose} needs {module.split('.')[0]}, which is not installed: {install}") from None
