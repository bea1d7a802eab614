"""NNCF's compiled quantizers for torch, built once on each machine at their first use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from edgewbc.compress.nncf_logging import quiet_nncf

TIMEOUT = "NNCF_EXTENSION_LOAD_TIMEOUT"


def folder() -> Path:
    """Return the folder of the compiled code (set TORCH_EXTENSIONS_DIR to move it)."""
    with quiet_nncf():
        from nncf.torch.extensions import get_build_directory_for_extension

        return Path(get_build_directory_for_extension("quantized_functions_cpu"))


def is_built(place: Path) -> bool:
    """Return whether a folder contains the compiled code."""
    return any(place.glob("*.so")) or any(place.glob("*.pyd"))


def build(say: Callable[[str], None]) -> bool:
    """Compile the quantizers if they are not compiled yet.

    NNCF's default timeout of a minute is removed, as it is too short on a busy machine. Without a compiler NNCF falls
    back to torch operations, which are tens of times slower.

    Args:
        say: receives a line before a build, which takes about a minute, and one if it fails.

    Returns:
        whether there is compiled code.
    """
    os.environ.setdefault(TIMEOUT, "0")
    place = folder()
    if not is_built(place):
        say(f"compiling NNCF's quantizers for this machine, once: about a minute (kept in {place})")
    path = os.environ.get("PATH", "")
    # NNCF installs ninja next to Python; torch finds it only in PATH, which lacks that folder without an active venv.
    os.environ["PATH"] = os.pathsep.join(filter(None, (path, str(Path(sys.executable).parent))))
    try:
        with quiet_nncf() as nncf:
            nncf.torch.force_build_cpu_extensions()
    finally:
        os.environ["PATH"] = path
    if not is_built(place):
        say("NNCF's quantizers could not be compiled (install a C++ compiler): training will be tens of times slower")
        return False
    return True
