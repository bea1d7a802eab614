"""The engines that a command can run its images on."""

from __future__ import annotations

from enum import StrEnum


class EngineName(StrEnum):
    """Where images are read: in this process, or in processes of Ray (`edgewbc.archive`)."""

    PC = "pc"
    RAY = "ray"
