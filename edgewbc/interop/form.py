"""The formats of a hand-over. A module of its own, since the command line names them before it loads anything else."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What a laboratory's information system reads."""

    HL7 = "hl7"
    FHIR = "fhir"
    CSV = "csv"
