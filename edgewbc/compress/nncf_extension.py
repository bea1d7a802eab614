"""NNCF's quantizers for torch as compiled code: built once on each machine, at their first use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from edgewbc.compress.nncf_logging import quiet_nncf

TIMEOUT = "NNCF_EXTENSION_LOAD_TIMEOUT"


def folder() -> Path:
    """Where the compiled code is kept (TORCH_EXTENSIONS_DIR moves it)."""
    with quiet_nncf():
        from nncf.torch.extensions import get_build_directory_for_extension

        return Path(get_build_directory_for_extension("quantized_functions_cpu"))


def is_built(place: Path) -> bool:
    return any(place.glob("*.so")) or any(place.glob("*.pyd"))


def build(say: Callable[[str], None]) -> bool:
    """Compile the quantizers, unless they are; `say` is told before, as it takes about a minute.

    NNCF gives up after a minute unless told not to, which a busy machine needs. Without a compiler it falls back to
    torch's own operations, tens of times slower.

    Returns:
        whether there is compiled code.
    """
    os.environ.setdefault(TIMEOUT, "0")
    place = folder()
    if not is_built(place):
        say(f"NNCF compiles its quantizers for this machine, once: about a minute (kept in {place})")
    path = os.environ.get("PATH", "")
    # ninja, which NNCF brings, lies beside Python; torch looks for it in PATH, which names that of an active one only.
    os.environ["PATH"] = os.pathsep.join(filter(None, (path, str(Path(sys.executable).parent))))
    try:
        with quiet_nncf() as nncf:
            nncf.torch.force_build_cpu_extensions()
    finally:
        os.environ["PATH"] = path
    if not is_built(place):
        say("NNCF's quantizers could not be compiled (is there a C++ compiler?): training will be tens of times slower")
        return False
    return True
