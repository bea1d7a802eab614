"""The differential: how many cells of each type, with a confidence interval for each share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.cells import ERYTHROBLAST, NOT_LEUKOCYTES, PLATELET
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.verdict import Usual, Verdict
from edgewbc.metrics import wilson
from edgewbc.utils import text

DIGITS = 4
"""Decimals of percentages in JSON: enough that one that is printed with one decimal is not rounded twice."""

EXAMPLES = 10
"""Copies that are named in JSON; all of them are counted."""


@dataclass
class Copies:
    """Images with the same bytes (SHA-256) as an image before them: one cell that is counted several times.

    Attributes:
        images: number of images that are copies of one before.
        originals: number of images of which there are copies.
        counted: number of rows with status `ok` of originals and copies.
        examples: the first copies, each with the image whose bytes it has.
    """

    images: int = 0
    originals: int = 0
    counted: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    _first: dict[int, tuple[str, bool]] = field(default_factory=dict, repr=False)
    _repeated: set[int] = field(default_factory=set, repr=False)

    def add(self, row: ResultRow) -> None:
        """Count an image with a prediction."""
        key, counted = int(row.image_sha256[:16], 16), row.status == Status.OK
        first, first_counted = self._first.setdefault(key, (row.path, counted))
        if first == row.path:
            return
        self.images += 1
        self.counted += counted
        if key not in self._repeated:
            self._repeated.add(key)
            self.originals += 1
            self.counted += first_counted
        if len(self.examples) < EXAMPLES:
            self.examples.append((row.path, first))

    def to_json(self) -> dict[str, Any]:
        """Return images, originals, counted and examples as JSON values."""
        examples = [{"path": path, "same_as": first} for path, first in self.examples]
        return {"images": self.images, "originals": self.originals, "counted": self.counted, "examples": examples}

    def line(self) -> str:
        """Return a line for people; empty where there are no copies."""
        if not self.images:
            return ""
        one = self.images == 1
        whose = "another" if one else "others"
        times = f"{self.counted} times" if self.originals == 1 else f"{self.counted} times for {self.originals} images"
        return (
            f"{self.images} {'image is a copy' if one else 'images are copies'} of {whose} (same SHA-256): counted "
            f"{times}, such as {text.printable(self.examples[0][0])} and {text.printable(self.examples[0][1])}"
        )


@dataclass
class Differential:
    """Counts the rows with status `ok` by class; all others are counted separately.

    Shares are of white cells, immature granulocytes included. Erythroblasts are counted per 100 white cells, and are
    not among these; platelets are counted and left out. Each share has a Wilson 95 % interval. It covers the chance in
    which cells were imaged, not the model's errors.

    Attributes:
        classes: in the order in which they are reported.
        statuses: number of rows by status.
        labels: number of rows by label, of rows with status `ok` only.
        review: number of rows by label, of rows with status `review` only. (A row in whose image no white cell was
            located has no label.)
        unfamiliar: number of rows by the label that they would have, of rows with status `unfamiliar`; never counted.
        copies: images that are there more than once.
        first_error: the first row with status `error`, if any.
        first_at, last_at: when the first and the last row were classified (UTC); empty if unknown.
        verdict: whether the images look like those of training; if they do not, no percentages are given.
    """

    classes: Sequence[str]
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    review: Counter[str] = field(default_factory=Counter)
    unfamiliar: Counter[str] = field(default_factory=Counter)
    copies: Copies = field(default_factory=Copies)
    first_error: ResultRow | None = None
    first_at: str = ""
    last_at: str = ""
    verdict: Verdict = field(default_factory=Verdict)

    @classmethod
    def of(cls, manifest: BundleManifest, warnings: Sequence[str] = ()) -> Differential:
        """Begin the differential of a bundle's results; see `Verdict` for the warnings."""
        return cls(manifest.classes, verdict=Verdict(Usual.of(manifest), warnings=warnings))

    def add(self, row: ResultRow) -> None:
        """Count a row."""
        self.verdict.add(row)
        self.statuses[row.status] += 1
        if row.status == Status.OK:
            self.labels[row.label] += 1
        if row.status == Status.REVIEW and row.label:
            self.review[row.label] += 1
        if row.status == Status.UNFAMILIAR:
            self.unfamiliar[row.label] += 1
        if row.status == Status.ERROR and self.first_error is None:
            self.first_error = row
        if row.image_sha256 and row.status != Status.ERROR and row.cell <= 1:
            self.copies.add(row)
        if row.classified_at:
            self.first_at = min(self.first_at or row.classified_at, row.classified_at)
            self.last_at = max(self.last_at, row.classified_at)

    def counting(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """Yield rows unchanged, counting each."""
        for row in rows:
            self.add(row)
            yield row

    @property
    def total(self) -> int:
        """The number of rows."""
        return sum(self.statuses.values())

    @property
    def nothing_readable(self) -> bool:
        """Whether there are rows, and all of them are errors."""
        return self.first_error is not None and self.statuses[Status.ERROR] == self.total

    def to_json(self) -> dict[str, Any]:
        """Return the differential as JSON values.

        `pictures` is the number of rows, `counted` that of white cells with status `ok`, and `review` that of all rows
        with status `review`. Of each class of white cells, `n`, `percent` and `interval` (low and high in percent) are
        of rows with status `ok`; `n_with_review` and `percent_with_review` of rows with status `ok` or `review`.
        Percents and intervals are None where nothing was counted. `unfamiliar` is there only if a cell was, with their
        number by the label that they would have in `unfamiliar_labels`, and `copies` only if an image is there more
        than once. `erythroblasts` and `platelets` are there only if the bundle has these classes.
        """
        counted, unfamiliar = self._white(self.labels), self.statuses[Status.UNFAMILIAR]
        both = counted + self._white(self.review)
        return {
            "pictures": self.total,
            "counted": counted,
            "review": self.statuses[Status.REVIEW],
            **({"unfamiliar": unfamiliar, "unfamiliar_labels": self._unfamiliar_labels()} if unfamiliar else {}),
            "errors": self.statuses[Status.ERROR],
            **({"copies": self.copies.to_json()} if self.copies.images else {}),
            "verdict": self.verdict.to_json(),
            "classes": {
                name: self._withheld(
                    {
                        **_share(self.labels[name], counted),
                        "n_with_review": self.labels[name] + self.review[name],
                        "percent_with_review": _percent(self.labels[name] + self.review[name], both),
                    }
                )
                for name in self.classes
                if name not in NOT_LEUKOCYTES
            },
            **({"erythroblasts": self._erythroblasts(counted, both)} if ERYTHROBLAST in self.classes else {}),
            **({"platelets": self._other(PLATELET)} if PLATELET in self.classes else {}),
        }

    @staticmethod
    def _white(labels: Counter[str]) -> int:
        """Return the number of white cells among rows counted by label."""
        return labels.total() - sum(labels[name] for name in NOT_LEUKOCYTES)

    def _other(self, name: str) -> dict[str, Any]:
        return {"n": self.labels[name], "n_with_review": self.labels[name] + self.review[name]}

    def _erythroblasts(self, counted: int, both: int) -> dict[str, Any]:
        """Return erythroblasts per 100 white cells, of which there are `counted`, or `both` with those for review."""
        found = self._other(ERYTHROBLAST)
        return self._withheld(
            {
                **found,
                "per_100_white_cells": _percent(found["n"], counted),
                "interval": _odds(found["n"], counted),
                "per_100_white_cells_with_review": _percent(found["n_with_review"], both),
            }
        )

    def _others_lines(self, result: dict[str, Any]) -> list[str]:
        """Return lines for people about erythroblasts and platelets, if the bundle knows them."""
        lines = []
        if cells := result.get("erythroblasts"):
            bounds, rate = cells["interval"], cells["per_100_white_cells"]
            per = "" if rate is None else f": {rate:.1f} per 100 white cells"
            per += "" if bounds is None else f" (95 % interval {bounds[0]:.1f}-{bounds[1]:.1f})"
            lines.append(f"erythroblasts, not among the white cells: {_with_review(cells)}{per}")
        if cells := result.get("platelets"):
            lines.append(f"platelets, left out: {_with_review(cells)}")
        return lines

    def _unfamiliar_labels(self) -> dict[str, int]:
        return {name: self.unfamiliar[name] for name in self.classes if self.unfamiliar[name]}

    def _unfamiliar_line(self) -> str:
        """Return a line for people about the cells that are unfamiliar; empty where there are none."""
        if not self.unfamiliar:
            return ""
        each = ", ".join(f"{count} as {name}" for name, count in self._unfamiliar_labels().items())
        return f"unfamiliar, not counted (unlike the training cells; the network would call them): {each}"

    def _withheld(self, share: dict[str, Any]) -> dict[str, Any]:
        """Return a class's numbers without percentages, if the verdict forbids them."""
        return (
            {key: value if key.startswith("n") else None for key, value in share.items()}
            if self.verdict.unlike
            else share
        )

    def table(self) -> str:
        """Return the differential as a plain text table: counted cells, and counted plus review."""
        result = self.to_json()
        lines = [
            [
                name,
                str(share["n"]),
                *(["-", "-"] if share["percent"] is None else _percents(share)),
                str(share["n_with_review"]),
                "-" if share["percent_with_review"] is None else f"{share['percent_with_review']:.1f} %",
            ]
            for name, share in result["classes"].items()
        ]
        unfamiliar = f"{result['unfamiliar']} unfamiliar, " if "unfamiliar" in result else ""
        header = ["class", "n", "percent", "95 % interval", "with review", "percent"]
        others = self._others_lines(result)
        summary = (
            f"{result['counted']} {'white cells ' if others else ''}counted, {result['review']} to review, {unfamiliar}"
            f"{result['errors']} could not be read"
        )
        table = "" if self.verdict.unlike else text.table(header, lines)
        return "\n".join(
            filter(None, [self.verdict.sentence, table, *others, summary, self._unfamiliar_line(), self.copies.line()])
        )


def _percents(share: dict[str, Any]) -> list[str]:
    low, high = share["interval"]
    return [f"{share['percent']:.1f} %", f"{low:.1f}-{high:.1f} %"]


def _percent(n: int, of: int) -> float | None:
    return round(100 * n / of, DIGITS) if of else None


def _odds(n: int, of: int) -> list[float] | None:
    """Return the 95 % interval of n per 100 of others: Wilson's of n among n + of, as odds; None if of is 0."""
    bounds = wilson(n, n + of)
    if bounds is None or not of:
        return None
    return [round(100 * bound / (1 - bound), DIGITS) for bound in bounds]


def _with_review(cells: dict[str, Any]) -> str:
    return f"{cells['n']} ({cells['n_with_review']} with review)"


def _share(n: int, of: int) -> dict[str, Any]:
    bounds = wilson(n, of)
    return {
        "n": n,
        "percent": _percent(n, of),
        "interval": None if bounds is None else [round(100 * bound, DIGITS) for bound in bounds],
    }
