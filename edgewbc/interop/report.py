"""What is handed to a laboratory's information system: a signed differential, in no particular format."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

RESEARCH = "For research use only, not a medical device."


class Stage(StrEnum):
    """How far a report is; the values are FHIR's."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class Coding:
    """A code and its name.

    Attributes:
        code: in the code system.
        name: what the code system calls it.
        system: of HL7 v2, such as `LN`; `L` for a local code.
        uri: of FHIR, such as `http://loinc.org`; empty for a local code.
    """

    code: str
    name: str
    system: str = "L"
    uri: str = ""


@dataclass(frozen=True)
class Unit:
    """A unit: its UCUM code, and what people read."""

    code: str
    name: str


PERCENT = Unit("%", "%")
PER_VOLUME = Unit("10*9/L", "10*9/L")
PER_100 = Unit("/100{WBCs}", "per 100 white cells")


@dataclass(frozen=True)
class Observation:
    """One result.

    Attributes:
        label: of the cell type.
        coding: what is measured.
        value: as text, in decimal notation, so that no digit is added or lost.
        unit: of the value.
        n: number of cells of the type; None where the value is not of a number of cells alone.
        low, high: 95 % limits in the unit, as text; empty if there are none.
        note: in words.
    """

    label: str
    coding: Coding
    value: str
    unit: Unit
    n: int | None = None
    low: str = ""
    high: str = ""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """A differential to hand over.

    Attributes:
        case: id of the case.
        accession: accession or order number; may be empty.
        version: of the case, from 1.
        stage: preliminary before it is signed, final after, corrected from version 2 on.
        counted_at: when the cells were counted, UTC, ISO 8601.
        signed_by, signed_at: who signed and when (UTC, ISO 8601); empty before.
        signature: hash of the signature in the journal; empty before.
        panel: code of the whole.
        observations: the results.
        counted: number of white cells.
        notes: what a person should know of the whole, a sentence each.
        software: name and version of the program.
        method: how the cells were classified.
    """

    case: str
    accession: str
    version: int
    stage: Stage
    counted_at: str
    signed_by: str
    signed_at: str
    signature: str
    panel: Coding
    observations: tuple[Observation, ...]
    counted: int
    notes: tuple[str, ...]
    software: str
    method: str = "Cell images classified by software and checked by a person"

    @property
    def number(self) -> str:
        """The report's number at the laboratory: the case and its version."""
        return f"{self.case}-v{self.version}"

    @property
    def file_stem(self) -> str:
        """Return a file name without suffix: the number, with a hash where it has characters that names cannot have."""
        draft = "-draft" if self.stage == Stage.PRELIMINARY else ""
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", self.case)[:80]
        if not safe or safe != self.case or safe.startswith((".", "-")):
            digest = hashlib.sha256(self.case.encode("utf-8", "surrogatepass")).hexdigest()
            safe = f"{safe.lstrip('.-') or 'case'}-{digest[:8]}"
        return f"{safe}-v{self.version}{draft}"

    def identity(self, *more: str) -> str:
        """Return a SHA-256 that is the same for the same report: of its number, stage, signature and `more`.

        A preliminary report has no signature, and may be handed over again: its identity is that of its results.
        """
        drafted = [repr((self.observations, self.notes))] if self.stage == Stage.PRELIMINARY else []
        parts = (self.case, str(self.version), self.stage, self.signature, *drafted, *more)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
