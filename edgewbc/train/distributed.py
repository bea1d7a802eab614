"""Training in several processes, started by `accelerate launch` or `torchrun`; or in one."""

from __future__ import annotations

import os
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env

from edgewbc import runs


def process_state() -> PartialState:
    """Return accelerate's view of the processes; the first call joins the process group.

    With ACCELERATE_USE_CPU set (by `accelerate launch --cpu`), several processes train on the CPU.
    """
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def process_count() -> int:
    """Return the number of processes from the environment, without joining the process group."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def new_run(name: str, to: Path | None) -> Path:
    """Make a run folder (see `runs.new`); of several processes the first makes it and the others receive its path."""
    if process_count() == 1:
        return runs.new(name, to)
    state = process_state()
    made = [str(runs.new(name, to)) if state.is_main_process else None]
    return Path(str(broadcast_object_list(made)[0]))
