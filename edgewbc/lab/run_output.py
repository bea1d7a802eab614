"""Where the rows of a run of `edgewbc classify` go: a results file with its summary, stdout, or both."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from edgewbc.errors import UserError
from edgewbc.images.discover import Found
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.classify_request import ClassifyRequest, is_jsonl
from edgewbc.lab.csv_table import write_csv
from edgewbc.lab.differential import Differential
from edgewbc.lab.results import ResultRow, Status, write_json_object, write_jsonl
from edgewbc.lab.results_file import save
from edgewbc.lab.summary import RunSummary, summary_path
from edgewbc.utils.files import sha256

Rows = Callable[[], Iterable[ResultRow]]
"""Returns all rows; the first call may be what classifies the images, as the rows are taken."""

HELD = 16 << 20
"""Bytes of JSON that are held in memory before they are held in a temporary file."""


@dataclass(frozen=True)
class ClassifySummary:
    """How a run ended: its differential, its journal (None if it was temporary), and what the summary file holds."""

    differential: Differential
    journal: Path | None
    summary: RunSummary


class RunOutput:
    """Where the rows of one run go: a results file with its summary, stdout, or both."""

    def __init__(
        self,
        request: ClassifyRequest,
        model: LoadedBundle,
        journal: Path | None,
        stdout: TextIO,
        say: Callable[[str], None],
        found: Found,
    ) -> None:
        self.say, self.classes, self.jsonl = say, model.bundle.classes, is_jsonl(request)
        self._request, self._model, self._journal, self._stdout = request, model, journal, stdout
        self.found = found
        self._streams = request.watch and request.out is None and not request.as_json

    def begin_stream(self) -> None:
        """Write the CSV's header, if rows are written to stdout as they arrive."""
        if self._streams and not self.jsonl:
            self._write_csv([])

    def stream(self, rows: Sequence[ResultRow]) -> None:
        """Write the rows of an image, if rows are written to stdout as they arrive."""
        if self._streams and self.jsonl:
            write_jsonl(rows, self._stdout)
        elif self._streams:
            self._write_csv(rows, header=False)
        self._stdout.flush()

    def _write_csv(self, rows: Iterable[ResultRow], *, header: bool = True) -> None:
        style, by_cell = self._request.style, self._model.by_cell
        write_csv(rows, self.classes, self._stdout, style=style, header=header, by_cell=by_cell)

    def save(self, rows: Iterable[ResultRow]) -> ClassifySummary:
        """Write all rows to the results file, and its summary; return that.

        Raises:
            ValueError: there is no results file.
            UserError: it cannot be written.
        """
        out, count = self._request.out, Differential.of(self._model.bundle.manifest, self._model.warnings)
        if out is None:
            raise ValueError("there is no results file")
        counted, by_cell = count.counting(rows), self._model.by_cell
        save(counted, self.classes, out, jsonl=self.jsonl, style=self._request.style, by_cell=by_cell)
        summary = self._summary(count, sha256(out))
        summary.summary.write()
        return summary

    def write(self, rows: Rows) -> ClassifySummary:
        """Write all rows, except where they were streamed; return their differential and summary."""
        count = Differential.of(self._model.bundle.manifest, self._model.warnings)
        if self._request.out is not None:
            summary = self.save(rows())
            self.say(f"rows: {self._request.out}")
            self.say(f"summary: {summary_path(self._request.out)}")
            if not self._request.as_json:
                return summary
        if self._request.as_json:
            before: dict[str, object] = {"model": str(self._model.bundle.path), "model_sha256": self._model.sha256}
            if self._model.by_cell:
                microscope = self._model.microscope
                told = {"warnings": list(self._model.warnings), "remarks": microscope.remarks}
                before |= {"microscope": microscope.to_json(), **told}
            after: Callable[[], dict[str, object]] = lambda: {  # noqa: E731
                "verdict": count.verdict.to_json(),
                "differential": count.to_json(),
                **self.found.to_json(),
            }
            with _at_once(self._stdout) as file:
                write_json_object(before, count.counting(rows()), after, file)
            if self._request.out is not None:
                return summary
        elif self._streams:
            for _ in count.counting(rows()):
                pass
        elif self.jsonl:
            write_jsonl(count.counting(rows()), self._stdout)
        else:
            self._write_csv(count.counting(rows()))
        return self._summary(count)

    def _summary(self, count: Differential, results_sha256: str = "") -> ClassifySummary:
        summary = RunSummary(
            model=self._model.bundle.manifest.name,
            settings=self._model.settings,
            differential=count.to_json(),
            statuses={str(status): count.statuses[status] for status in Status},
            first_classified=count.first_at,
            last_classified=count.last_at,
            inputs=[str(path) for path in self._request.paths],
            left_out=dict(sorted(self.found.others.items())),
            not_searched=self.found.skipped,
            results=self._request.out,
            results_sha256=results_sha256,
            journal=self._journal,
        )
        return ClassifySummary(count, self._journal, summary)


@contextmanager
def _at_once(to: TextIO) -> Iterator[TextIO]:
    """Provide a file whose text is written to another one at the end of the block, and not at all if it fails.

    Raises:
        UserError: there is more than `HELD`, and no room for temporary files.
    """
    errors = "surrogatepass"  # bytes of a name that are not valid Unicode
    with tempfile.SpooledTemporaryFile(HELD, "w+", encoding="utf-8", errors=errors, newline="") as file:
        try:
            yield cast(TextIO, file)
            file.seek(0)
        except OSError as error:
            raise UserError(f"{tempfile.gettempdir()}: cannot be written: {error.strerror}") from None
        shutil.copyfileobj(file, to)
