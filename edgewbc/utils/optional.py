"""Optional dependencies: imports, the command that installs a missing one, and installed versions."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from edgewbc.errors import UserError

_CHECKOUT = Path(__file__).resolve().parents[2]


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra of edgewbc: from the checkout, if this is one, else by name."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return f'pip install ".[{extra}]" (in the checkout)'
    return f'pip install "edgewbc[{extra}]"'


TRAIN = install_command("train")
REPORT = install_command("report")
REVIEW = install_command("review")
SERVE = install_command("serve")


def need(module: str, purpose: str, install: str = TRAIN) -> ModuleType:
    """Import and return an optional module.

    Args:
        module: its name, dotted if it is a submodule.
        purpose: what needs it, as the error message begins.
        install: the command that installs it.

    Raises:
        UserError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise UserError(f"{purpose} needs {module.split('.')[0]}, which is not installed: {install}") from None


def installed_versions(*names: str) -> dict[str, str]:
    """Return the installed versions of distributions, without those that are not installed."""
    from importlib import metadata  # slow to import, and few commands need it

    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
