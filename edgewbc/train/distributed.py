"""The processes of one training: one, or several that accelerate or torchrun started."""

from __future__ import annotations

from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def processes() -> PartialState:
    """What accelerate knows of the processes; joins them at the first call.

    With ACCELERATE_USE_CPU (which `accelerate launch --cpu` sets) several processes train on the CPU too.
    """
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
