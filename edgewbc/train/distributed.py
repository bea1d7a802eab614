"""Training in several processes, started by `accelerate launch` or `torchrun`; or in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.utils import locks

LOCK = ".lock"
"""File in a run folder that is locked during a training."""


def process_state() -> PartialState:
    """Return accelerate's view of the processes; the first call joins the process group.

    With ACCELERATE_USE_CPU set (by `accelerate launch --cpu`), several processes train on the CPU.
    """
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def process_count() -> int:
    """Return the number of processes from the environment, without joining the process group."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Exclude other trainings of the same run within the block; of several processes, the first holds the lock.

    Raises:
        UserError: there is no such folder, or another training of the run is in progress.
    """
    if not run.is_dir():
        raise UserError(f"{run}: no such run folder")
    if not process_state().is_main_process:
        yield
        return
    with locks.exclusive(run / LOCK, f"{run}: another process is training this run: wait until it has ended"):
        yield


def new_run(name: str, to: Path | None) -> Path:
    """Make a run folder (see `runs.new`); of several processes the first makes it and the others receive its path."""
    if process_count() == 1:
        return runs.new(name, to)
    state = process_state()
    made = [str(runs.new(name, to)) if state.is_main_process else None]
    return Path(str(broadcast_object_list(made)[0]))
