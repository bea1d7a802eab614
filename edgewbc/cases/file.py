"""The files of a case beside its journal: `case.json` (what it is) and `cells.json` (its cells in order)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edgewbc.cases.cells import Exclusion
from edgewbc.errors import UserError
from edgewbc.lab.journal_errors import OF_CASE
from edgewbc.pixels import Box
from edgewbc.utils.files import read_json, write_json
from edgewbc.utils.json_values import plain

FORMAT = 1
CASE, CELLS, JOURNAL, CROPS = "case.json", "cells.json", OF_CASE, "crops"
LONGEST = 200
"""Longest text that a person may enter as a case id, a name or an accession number, in characters."""


@dataclass(frozen=True)
class CaseInfo:
    """What a case is: the content of `case.json`.

    Attributes:
        case: id that the laboratory gave it; never a patient's name.
        created: time, UTC.
        by: the person who had it counted; may be empty.
        wbc: white cells in 10^9/L as the analyzer measured them; None if it was not given.
        accession: accession or order number; may be empty.
        asked: number of cells that was asked for; None is all.
        images: folders and files that were given, absolute.
        bundle: name of the bundle.
        bundle_sha256: of its list of checksums, which covers every file.
        model_sha256: of the model's files.
        precision: of the model.
        profile_sha256: of the microscope's profile; empty if there is none.
        settings: everything that determines a result, as in the journal.
        versions: of edgewbc, Python and libraries.
    """

    case: str
    created: str
    by: str = ""
    wbc: float | None = None
    accession: str = ""
    asked: int | None = None
    images: tuple[str, ...] = ()
    bundle: str = ""
    bundle_sha256: str = ""
    model_sha256: str = ""
    precision: str = ""
    profile_sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def with_details(
        self,
        case: str | None = None,
        wbc: float | None = None,
        by: str | None = None,
        accession: str | None = None,
    ) -> CaseInfo:
        """Return a copy with what is not None replaced. Raises UserError for a value that cannot be used."""
        texts = {"case": ("case id", case), "by": ("name", by), "accession": ("accession number", accession)}
        given: dict[str, str | float | None] = {
            name: check_text(text, what).strip() for name, (what, text) in texts.items() if text is not None
        }
        if given.get("case") == "":
            raise UserError("the case id is empty: give one, or none for the name of the case's folder")
        if wbc is not None and not _is_wbc(wbc):
            raise UserError(f"a WBC of {wbc:g}: give the analyzer's white cells in 10^9/L, above 0, such as 7.2")
        given["wbc"] = wbc
        return replace(self, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def write(self, folder: Path) -> None:
        """Write `case.json` atomically."""
        write_json(folder / CASE, {"format": FORMAT, **plain(self)})

    @classmethod
    def read(cls, folder: Path) -> CaseInfo:
        """Read `case.json`. Raises UserError if the folder is not a case, or one of a newer edgewbc."""
        path = folder / CASE
        if not path.is_file():
            raise UserError(f"{folder}: is not a case: make one with `edgewbc count IMAGES --to {folder}`")
        values = _checked(path)
        try:
            return cls(
                case=_text(values["case"]),
                created=_text(values["created"]),
                by=_text(values["by"]),
                wbc=_wbc(values["wbc"]),
                accession=_text(values["accession"]),
                asked=None if values["asked"] is None else int(values["asked"]),
                images=tuple(_text(name) for name in values["images"]),
                bundle=_text(values["bundle"]),
                bundle_sha256=_text(values["bundle_sha256"]),
                model_sha256=_text(values["model_sha256"]),
                precision=_text(values["precision"]),
                profile_sha256=_text(values["profile_sha256"]),
                settings=dict(values["settings"]),
                versions={_text(name): _text(version) for name, version in values["versions"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(path, error) from None


@dataclass(frozen=True, slots=True)
class IndexedCell:
    """What `cells.json` says of a cell.

    Attributes:
        id: of the cell, its row in the journal.
        excluded: see `CaseCell`.
        duplicate_of: id of the cell of which it is a second image; 0 if it is none.
        crop: name of the crop's file in the folder `crops`; empty if there is none.
        crop_sha256: of that file.
        window: of the crop in pixels of the image.
    """

    id: int
    excluded: Exclusion | None = None
    duplicate_of: int = 0
    crop: str = ""
    crop_sha256: str = ""
    window: Box | None = None


@dataclass(frozen=True)
class CellIndex:
    """The cells of a case in the order of counting: the content of `cells.json`.

    Attributes:
        cells: in order.
        warning: why the software's labels of this slide must be confirmed by a person; empty if they need not be.
        images: number of images that were classified.
        not_counted: number of images that were not needed for the number of cells asked for.
    """

    cells: tuple[IndexedCell, ...]
    warning: str = ""
    images: int = 0
    not_counted: int = 0

    def write(self, folder: Path) -> None:
        """Write `cells.json` atomically."""
        write_json(folder / CELLS, {"format": FORMAT, **plain(asdict(self))})

    @classmethod
    def read(cls, folder: Path) -> CellIndex:
        """Read `cells.json`. Raises UserError if counting has not ended, or the file is damaged."""
        path = folder / CELLS
        if not path.is_file():
            raise UserError(f"{folder}: counting was interrupted: run the same `edgewbc count` again to resume")
        values = _checked(path)
        try:
            cells = tuple(_indexed(each) for each in values["cells"])
            if len({cell.id for cell in cells}) != len(cells):
                raise ValueError("a cell occurs twice")
            return cls(cells, _text(values["warning"]), int(values["images"]), int(values["not_counted"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(path, error) from None


def _indexed(values: Mapping[str, Any]) -> IndexedCell:
    crop, window = _text(values["crop"]), values["window"]
    if crop and (Path(crop).name != crop or crop in (".", "..") or "\\" in crop):
        raise ValueError(f"the crop {crop!r} is outside of its folder")
    return IndexedCell(
        int(values["id"]),
        None if values["excluded"] is None else Exclusion(values["excluded"]),
        int(values["duplicate_of"]),
        crop,
        _text(values["crop_sha256"]),
        None if window is None else _box(window),
    )


def _box(values: Sequence[Any]) -> Box:
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height


def _is_wbc(value: float) -> bool:
    """Return whether a number can be white cells in 10^9/L."""
    return math.isfinite(value) and 0 < value <= 2000


def _wbc(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_wbc(value):
        raise TypeError(f"{json.dumps(value)[:40]} is not a WBC")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{json.dumps(value)[:40]} is not a text")
    return value


def _checked(path: Path) -> dict[str, Any]:
    """Return the JSON object of a case's file, of a format that this edgewbc reads."""
    values = read_json(path, "a file of a case")
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise _damaged(path, ValueError("it has no format"))
    if values["format"] > FORMAT:
        raise UserError(
            f"{path}: is of format {values['format']}, and this edgewbc reads up to {FORMAT}: upgrade edgewbc"
        )
    return values


def _damaged(path: Path, error: Exception) -> UserError:
    problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return UserError(f"{path}: is damaged ({problem[:120]}): restore it from a copy, or count again into a new folder")


def check_text(text: str, what: str) -> str:
    """Return a text that a person entered. Raises UserError if it is too long, or has characters that do not print."""
    if len(text) > LONGEST or not text.isprintable():
        raise UserError(f"the {what} {text[:40]!r} is too long or has control characters: use up to {LONGEST} letters")
    return text
