"""Makes a process misbehave at files by their names; Python imports it where this folder is in PYTHONPATH."""

import os
import sys
import time
from pathlib import Path


def _opened(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or "edgewbc.lab.worker_process" not in sys.orig_argv:
        return
    path = Path(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | bytes) else Path()
    if path.name.startswith("poison"):
        os._exit(9)
    if path.name.startswith("slow"):
        time.sleep(60)
    if path.name.startswith("bug"):
        raise RuntimeError("a bug at this image")
    if path.name.startswith("once") and not (been := path.with_suffix(".been")).exists():
        been.mkdir()
        os._exit(9)


sys.addaudithook(_opened)
