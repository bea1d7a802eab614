"""The summary of a run: a JSON file next to the results file, and the same as lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.lab.thresholds import describe
from edgewbc.utils.files import atomic_write
from edgewbc.utils.text import utc_now

FORMAT = 1
"""Version of the file's format."""


@dataclass(frozen=True)
class RunSummary:
    """What a run of `classify` found, with what, and when.

    Attributes:
        model: the bundle's name.
        settings: everything that determines a result (`LoadedBundle.settings`): the model's SHA-256, the thresholds.
        differential: as JSON values (`Differential.to_json`).
        statuses: number of rows by status.
        first_classified, last_classified: times of the first and the last result (UTC); empty if there is none.
        inputs: files and folders as given.
        left_out: number of files in the folders that are not images, by suffix.
        not_searched: folders that were left out: system folders, hidden and linked ones.
        results: the results file; None if the rows went to stdout.
        results_sha256: of its bytes, to detect a later change; empty if there is none.
        journal: its path; None if it was temporary.
    """

    model: str
    settings: Mapping[str, Any]
    differential: Mapping[str, Any]
    statuses: Mapping[str, int]
    first_classified: str = ""
    last_classified: str = ""
    inputs: Sequence[str] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    not_searched: Sequence[str] = ()
    results: Path | None = None
    results_sha256: str = ""
    journal: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "format": FORMAT,
            "edgewbc": __version__,
            "written": utc_now(),
            "results": None if self.results is None else str(self.results),
            "results_sha256": self.results_sha256,
            "journal": None if self.journal is None else str(self.journal),
            "inputs": list(self.inputs),
            "images": sum(self.statuses.values()),
            "statuses": dict(self.statuses),
            "left_out": dict(self.left_out),
            "not_searched": list(self.not_searched),
            "classified": {"first": self.first_classified or None, "last": self.last_classified or None},
            "model": self.model,
            "model_sha256": self.settings.get("model_sha256"),
            "settings": dict(self.settings),
            "differential": dict(self.differential),
        }

    def lines(self) -> str:
        """Return model, threshold and dates for people, a line each."""
        sha256 = str(self.settings.get("model_sha256"))[:12]
        found = [f"model: {self.model} ({sha256}), edgewbc {__version__}, review below {self._threshold()}"]
        if self.first_classified:
            until = "" if self.last_classified == self.first_classified else f" to {self.last_classified}"
            found.append(f"classified: {self.first_classified}{until}")
        if self.left_out:
            files = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in self.left_out.items())
            found.append(f"left out: {files}")
        return "\n".join(found)

    def write(self) -> Path | None:
        """Write the file next to the results file, if there is one; return its path.

        Raises:
            UserError: it cannot be written.
        """
        if self.results is None:
            return None
        path = summary_path(self.results)
        try:
            text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            with atomic_write(path) as temporary:  # bytes of a name that are not Unicode are JSON escapes
                temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None
        return path

    def _threshold(self) -> str:
        return describe(self.settings.get("review_below"))


def summary_path(results: Path) -> Path:
    """Return where the summary of a results file is: `cells.summary.json` for `cells.csv`."""
    stem = results.stem if results.suffix.lower() == ".csv" else results.name
    return results.with_name(f"{stem}.summary.json")


def check_summary_path(results: Path) -> None:
    """Check that no other file has the summary's name.

    Raises:
        UserError: one has.
    """
    path = summary_path(results)
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError):
        found = None
    if not (isinstance(found, dict) and {"format", "edgewbc", "differential"} <= set(found)):
        raise UserError(
            f"{path}: exists, and is not a summary of edgewbc: give --out another name, or move this file away first"
        )
