"""The codes under which a differential is reported: `recipes/codes/loinc.yaml`, or a laboratory's own copy of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgewbc.errors import UserError
from edgewbc.interop.report import Coding
from edgewbc.utils import flat_yaml, resources

PERCENT, MANUAL, ABSOLUTE, RATIO = "percent", "manual", "absolute", "ratio"
_SETTINGS: Final = {
    "system.hl7": "",
    "system.fhir": "",
    "method": PERCENT,
    "hl7.sending_application": "edgewbc",
    "hl7.sending_facility": "",
    "hl7.receiving_application": "",
    "hl7.receiving_facility": "",
    "hl7.processing": "P",
}
_PANEL = "panel"
_CODE = re.compile(r"[!-~]{1,50}")
_URI = re.compile(r"(https?|urn):[!-~]{1,200}")


@dataclass(frozen=True)
class Codes:
    """Codes by what they are for.

    Attributes:
        codings: by key, such as `neutrophil.percent`.
        settings: the other keys, such as `hl7.sending_facility`.
    """

    codings: Mapping[str, Coding]
    settings: Mapping[str, str]

    @classmethod
    def read(cls, path: Path | None = None) -> Codes:
        """Read a file; None reads the shipped one.

        Raises:
            UserError: it is missing, or has a line that cannot be used.
        """
        path = path or resources.folder("recipes") / "codes" / "loinc.yaml"
        values = flat_yaml.read(path, "codes of a differential (see recipes/codes/loinc.yaml)")
        settings = {key: values.get(key, default) for key, default in _SETTINGS.items()}
        try:
            _check(settings)
            codings = {key: _coding(key, text, settings) for key, text in values.items() if key not in _SETTINGS}
            if _PANEL not in codings:
                raise ValueError("no line `panel: CODE NAME`")
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
        return cls(codings, settings)

    @property
    def panel(self) -> Coding:
        """The code of the whole."""
        return self.codings[_PANEL]

    def percent(self, label: str, title: str) -> Coding:
        """Return the code of a type's share, by the method that the file chooses."""
        chosen = self.codings.get(f"{label}.{self.settings['method']}") or self.codings.get(f"{label}.{PERCENT}")
        return chosen or _local(label, PERCENT, f"{title}, percent of white cells")

    def absolute(self, label: str, title: str) -> Coding:
        """Return the code of a type's absolute count."""
        return self.codings.get(f"{label}.{ABSOLUTE}") or _local(label, ABSOLUTE, f"{title}, absolute count")

    def ratio(self, label: str) -> Coding:
        """Return the code of a type's number per 100 white cells."""
        return self.codings.get(f"{label}.{RATIO}") or _local(label, RATIO, f"{label}s per 100 white cells")


def _local(label: str, kind: str, name: str) -> Coding:
    """Return a local code, for a type that the file has no code for: nothing that was counted is left out."""
    return Coding(f"edgewbc-{re.sub('[^a-z0-9]+', '-', label.casefold()).strip('-') or 'cell'}-{kind}", name)


def _check(settings: Mapping[str, str]) -> None:
    if settings["method"] not in (PERCENT, MANUAL):
        raise ValueError(f"method {settings['method']!r}: use {PERCENT} or {MANUAL}")
    if settings["hl7.processing"] not in ("P", "T", "D"):
        raise ValueError(f"hl7.processing {settings['hl7.processing']!r}: use P, T or D")
    if not _CODE.fullmatch(settings["system.hl7"]):
        raise ValueError("no line `system.hl7: NAME`, such as LN")
    if not _URI.fullmatch(settings["system.fhir"]):
        raise ValueError("no line `system.fhir: URI`, such as http://loinc.org")


def _coding(key: str, text: str, settings: Mapping[str, str]) -> Coding:
    _, _, kind = key.rpartition(".")
    if key != _PANEL and kind not in (PERCENT, MANUAL, ABSOLUTE, RATIO):
        raise ValueError(f"unknown key {key!r}: use panel, CELL.percent, .manual, .absolute, .ratio or a setting of "
                         f"{', '.join(_SETTINGS)}")  # fmt: skip
    code, _, name = text.partition(" ")
    if not _CODE.fullmatch(code) or not name.strip():
        raise ValueError(f"{key}: {text[:60]!r} is not a code, a blank, and its name")
    return Coding(code, name.strip(), settings["system.hl7"], settings["system.fhir"])
