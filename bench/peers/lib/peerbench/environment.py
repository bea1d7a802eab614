"""A Python environment for each peer, installed from the package registry; its processes and their variables."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess  # noqa: S404
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgewbc.utils import subprocesses
from edgewbc.utils.files import read_json, sha256, write_json, write_text
from peerbench.catalog import HOME, Peer

MADE = "made.json"
TIMEOUT = 3600
"""Seconds after which an installation is stopped."""

OFFLINE = {
    "CI": "true",  # OpenVINO's telemetry
    "NNCF_CI": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "WANDB_MODE": "disabled",
    "COMET_MODE": "disabled",
}
"""Variables that disable downloads and telemetry once the environments are installed."""


@dataclass(frozen=True)
class Environment:
    """The Python environment of a peer.

    Attributes:
        python: its interpreter.
        mb: size of its files in 10^6 bytes; None for the environment that edgewbc itself runs in.
        error: why it could not be created; None if it could.
    """

    python: Path
    mb: float | None = None
    error: str | None = None


def make(peer: Peer, folder: Path) -> Environment:
    """Create a peer's environment, or reuse the one that was created from the same requirements.

    Args:
        peer: the toolkit.
        folder: of the environment; the output of pip is written to NAME.log in its parent folder.

    Returns:
        the environment; a failure is its `error`.
    """
    if peer.requirements is None:
        return Environment(Path(sys.executable))
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = {"requirements_sha256": sha256(peer.requirements), "python": platform.python_version()}
    made = folder / MADE
    if made.is_file():
        facts = read_json(made, "the record of an environment")
        if {name: facts.get(name) for name in wanted} == wanted:
            return Environment(python, facts["mb"])
    shutil.rmtree(folder, ignore_errors=True)
    pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r", str(peer.requirements)]
    for interpreter, arguments in ((None, ["-m", "venv", str(folder)]), (python, pip)):
        try:
            ran = subprocesses.run(arguments, python=interpreter, timeout=TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Environment(python, error=f"its environment could not be created: {error}")
        write_text(folder.with_name(f"{folder.name}.log"), ran.stdout + ran.stderr)
        if ran.returncode:
            return Environment(python, error=f"its environment could not be created: {subprocesses.failure(ran)}")
    mb = size_mb(folder)
    write_json(made, {**wanted, "mb": mb})
    return Environment(python, mb)


def size_mb(folder: Path) -> float:
    """Return the size of the files in a folder in 10^6 bytes; links are not followed."""
    return round(sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6, 1)


def variables(folder: Path, threads: int) -> Mapping[str, str]:
    """Return the environment variables of a peer's process.

    Args:
        folder: of its preparation, which receives settings and caches.
        threads: for runtimes that read them from a variable.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    paths = [HOME / "lib/peerside", HOME.parents[1]]  # shared code, and the checkout for its timing code
    return {
        **kept,
        **OFFLINE,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": str(threads),
        "YOLO_CONFIG_DIR": str(folder),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "MPLCONFIGDIR": str(folder),
    }


def run(
    python: Path, script: Path, given: str, folder: Path, threads: int, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a peer's script in its environment.

    Args:
        python: interpreter of the environment.
        script: the peer's `measure.py`.
        given: a job as JSON, for its stdin.
        folder: of its preparation.
        threads: of its runtime.
        timeout: limit in seconds.

    Raises:
        subprocess.TimeoutExpired: the time limit was reached and the process was stopped.
        OSError: the interpreter does not exist.
    """
    return subprocesses.run(
        [str(script)], python=python, given=given, environment=variables(folder, threads), timeout=timeout
    )
