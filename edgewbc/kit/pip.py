"""Download wheels for another PC with pip, and turn its failures into one-line errors."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.kit.target import Target

# Messages of pip when the index cannot be reached; without one, a missing wheel does not exist.
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|getaddrinfo|Name or service not known|Temporary failure in name|"
    r"Connection refused|Network is unreachable|ProxyError|Max retries exceeded|ConnectTimeout|Read timed out|SSLError"
)
_MISSING = re.compile(r"(?:No matching distribution found for|satisfies the requirement) ([A-Za-z0-9][A-Za-z0-9._-]*)")


class NoWheelError(UserError):
    """A package has no wheel for the target.

    Attributes:
        package: name of the package, as in pip's message.
    """

    def __init__(self, package: str, target: Target, where: str) -> None:
        super().__init__(f"{package}: no wheel for {target.name} {where}")
        self.package = package


def download(requirements: Sequence[str], target: Target, to: Path, wheels: Path | None = None) -> None:
    """Download one wheel for each requirement, without its dependencies.

    Args:
        requirements: requirements without markers, such as `numpy<2.6,>=1.26`.
        target: PC to install on.
        to: folder for the wheels.
        wheels: folder to take them from, without using the network; None uses the package index.

    Raises:
        NoWheelError: a requirement has no wheel for the target.
        UserError: pip is not installed, the index cannot be reached, or pip failed otherwise.
    """
    try:
        # Not `find_spec`: looking up pip makes setuptools patch distutils, and setuptools can then not be imported.
        importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        message = "edgewbc kit fetches wheels with pip, which is not installed here: python -m ensurepip"
        raise UserError(message) from None
    # -P: a module in the working folder must not be imported in place of one of pip's.
    command = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar=off", "--retries=1", "--timeout=20", "--no-deps", f"--dest={to}", *target.pip_options]
    if wheels is not None:
        # Isolated: no configuration file or variable may add an index or another folder.
        command += ["--isolated", "--no-index", f"--find-links={wheels}"]
    ran = subprocess.run(  # noqa: S603
        [*command, *requirements],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if ran.returncode:
        raise _failure(ran.stderr + ran.stdout, target, wheels)


def _failure(output: str, target: Target, wheels: Path | None) -> UserError:
    """Return the error that the output of a failed pip stands for."""
    if wheels is None and _NO_NETWORK.search(output):
        return UserError(
            "the package index cannot be reached: connect this PC to the network, or collect the wheels elsewhere "
            "and name their folder with --wheels"
        )
    missing = _MISSING.search(output)
    if missing:
        return NoWheelError(missing[1], target, f"in {wheels}" if wheels else "on the package index")
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")] or output.splitlines()[-1:]
    return UserError(
        f"pip could not fetch the wheels: {' '.join(errors).removeprefix('ERROR:').strip() or 'no reason'}"
    )
