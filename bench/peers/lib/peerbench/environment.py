"""An environment of its own for each peer, made from the package registry; and what a peer's process is told."""

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
from peerbench.catalogue import HOME, Peer

MADE = "made.json"
LONGEST = 3600
"""Seconds after which an installation is given up."""

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
"""Nothing is downloaded and nobody is told once the environments are made."""


@dataclass(frozen=True)
class Environment:
    """Where a peer runs.

    Attributes:
        python: its interpreter.
        mb: 10^6 bytes of files in it; None for the environment that the toolkit itself runs in.
        error: why it could not be made.
    """

    python: Path
    mb: float | None = None
    error: str | None = None


def make(peer: Peer, folder: Path) -> Environment:
    """Make a peer's environment, unless it was made before from the same requirements; it is never an exception.

    Args:
        folder: to hold it; what pip said lies beside it, as NAME.log.
    """
    if peer.requirements is None:
        return Environment(Path(sys.executable))
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = {"requirements_sha256": sha256(peer.requirements), "python": platform.python_version()}
    made = folder / MADE
    if made.is_file():
        facts = read_json(made, "what an environment was made from")
        if {name: facts.get(name) for name in wanted} == wanted:
            return Environment(python, facts["mb"])
    shutil.rmtree(folder, ignore_errors=True)
    pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r", str(peer.requirements)]
    for who, arguments in ((None, ["-m", "venv", str(folder)]), (python, pip)):
        try:
            ran = subprocesses.run(arguments, python=who, timeout=LONGEST)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Environment(python, error=f"its environment could not be made: {error}")
        write_text(folder.with_name(f"{folder.name}.log"), ran.stdout + ran.stderr)
        if ran.returncode:
            return Environment(
                python, error=f"its environment could not be made: {subprocesses.last_words(ran.stderr)}"
            )
    mb = size_mb(folder)
    write_json(made, {**wanted, "mb": mb})
    return Environment(python, mb)


def size_mb(folder: Path) -> float:
    """10^6 bytes of the files in a folder; links are not followed."""
    return round(sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6, 1)


def variables(folder: Path, threads: int) -> Mapping[str, str]:
    """The environment variables of a peer's process.

    Args:
        folder: of its preparation: settings and caches go there.
        threads: for the runtimes that take them from a variable.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    paths = [HOME / "lib/peerside", HOME.parents[1]]  # what peers share, and the checkout: its clock and nothing else
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
    python: Path, script: Path, given: str, folder: Path, threads: int, longest: float
) -> subprocess.CompletedProcess[str]:
    """Run a peer's script in its environment, with a job on its stdin.

    Raises:
        subprocess.TimeoutExpired: it took longer than `longest` seconds, and was stopped.
        OSError: there is no such interpreter.
    """
    return subprocesses.run(
        [str(script)], python=python, given=given, environment=variables(folder, threads), timeout=longest
    )
