"""One run of `edgewbc classify`: which files, which journal, resuming, watching, and where the rows are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import StalledError
from edgewbc.images.discover import names
from edgewbc.lab.classify import ASK_BUNDLE, LoadedBundle
from edgewbc.lab.differential import Differential
from edgewbc.lab.journal import Journal
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.results import (
    LiveResultsFile,
    ResultRow,
    check_output_path,
    save,
    write_csv,
    write_json_object,
    write_jsonl,
)
from edgewbc.lab.resume import check_not_inputs, classify_into, journal_path, open_journal, pending
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.lab.watch import FolderWatcher, outermost, watch
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.utils.progress import Progress, quiet

Rows = Callable[[], Iterable[ResultRow]]


@dataclass(frozen=True)
class ClassifyRequest:
    """What to classify, and where the rows go.

    Attributes:
        paths: image files and folders; only folders if `watch` is set.
        out: results file; None writes the rows to stdout.
        journal: its path; None puts it next to `out`, or uses a temporary one where there is no `out`.
        watch: keep running and classify images as they are saved, until Ctrl-C.
        jsonl: write JSON Lines instead of CSV; implied by an `out` that ends in .jsonl.
        as_json: write one JSON object with rows and differential to stdout, besides `out`.
        thresholds, precision, threads: see `LoadedBundle.load`.
        batch: images per inference call.
    """

    paths: Sequence[Path]
    out: Path | None = None
    journal: Path | None = None
    watch: bool = False
    jsonl: bool = False
    as_json: bool = False
    thresholds: ReviewThresholds = ASK_BUNDLE
    precision: str | None = None
    threads: int | None = None
    batch: int = BATCH


@dataclass(frozen=True)
class ClassifySummary:
    """How a run ended: its differential, and its journal (None if it was temporary)."""

    differential: Differential
    journal: Path | None


def run(
    request: ClassifyRequest,
    open_bundle: Callable[[], Bundle],
    stdout: TextIO,
    *,
    say: Callable[[str], None],
    progress: Progress = quiet,
) -> ClassifySummary:
    """Classify what is requested and write the rows.

    With a journal, every result is recorded as it is made, files that have one are skipped, and `request.out` is
    written from the journal at the end.

    Args:
        request: what to do.
        open_bundle: opens the bundle; called after the paths are checked.
        stdout: where rows go if `request.out` is None.
        say: takes messages for a person, one line each.
        progress: shows the progress of classification.

    Raises:
        UserError: bad paths, a bundle that cannot be used, or a journal or results file that cannot be written.
        StalledError: nothing moves any more; with a journal, the run can be resumed.
    """
    files = [] if request.watch else names(request.paths)
    if request.out is not None:
        check_output_path(request.out)
    path = journal_path(request.out, request.journal)
    check_not_inputs(files, request.out, path)
    with end_if_frozen():
        bundle = open_bundle()
        if path is None and not (request.watch or request.as_json):
            model = LoadedBundle.load(bundle, request.precision, request.threads, request.thresholds)
            rows = progress(map(model.row, model.results(map(Path, files), request.batch)), "classify", len(files))
            return ClassifySummary(_Output(request, model, stdout, say).write(lambda: rows), None)
        model, journal = open_journal(bundle, path, request.precision, request.threads, request.thresholds)
        output = _Output(request, model, stdout, say)
        with journal:
            try:
                if request.watch:
                    every_row = _watch(request, model, journal, output)
                else:
                    every_row = _classify_pending(request, model, journal, files, say, progress)
            except (KeyboardInterrupt, StalledError):
                if path is not None:
                    say(f"all results so far are in {path}; run the same command again to resume")
                raise
            journal.flush()  # before the results file exists, so that it never holds more than the journal
            return ClassifySummary(output.write(every_row), path)


def _classify_pending(
    request: ClassifyRequest,
    model: LoadedBundle,
    journal: Journal,
    files: list[str],
    say: Callable[[str], None],
    progress: Progress,
) -> Rows:
    """Classify the files without a result in the journal; return all rows."""
    todo = pending(journal, files)
    if len(todo) < len(files):
        say(f"resuming: {len(files) - len(todo)} of {len(files)} images are in the journal; {len(todo)} to classify")
    for _ in progress(classify_into(model, journal, todo, request.batch), "classify", len(todo)):
        pass
    return lambda: journal.rows(files)


def _watch(request: ClassifyRequest, model: LoadedBundle, journal: Journal, output: _Output) -> Rows:
    """Classify images as they arrive, until Ctrl-C; return the rows of all that arrived, now and before."""
    folders = outermost(request.paths)
    reported: set[str] = set()

    def rows() -> Iterator[ResultRow]:
        for folder in folders:
            yield from journal.rows(journal.names(folder))

    def write() -> None:
        if request.out is not None:
            journal.flush()
            save(rows(), output.classes, request.out, jsonl=output.jsonl)

    live = LiveResultsFile(write, stale=True)

    def step(watcher: FolderWatcher) -> bool:
        for name in watcher.deleted:
            output.say(f"{name}: was deleted before it could be classified")
        watcher.deleted.clear()
        live.refresh()
        problems = {f"{folder}: cannot be read: {reason}" for folder, reason in watcher.problems.items()}
        problems |= {live.problem} - {""}
        for line in sorted(problems - reported):
            output.say(f"{line}; retrying")
        reported.clear()
        reported.update(problems)
        return True

    output.say(f"watching {', '.join(folders)}; press Ctrl-C to stop")
    output.begin_stream()
    try:
        for row in watch(model, journal, folders, step=step, batch=request.batch):
            live.stale = True
            output.stream(row)
    except KeyboardInterrupt:
        output.say("stopped")
    return rows


class _Output:
    """Where the rows of one run go: a results file, stdout, or both."""

    def __init__(
        self, request: ClassifyRequest, model: LoadedBundle, stdout: TextIO, say: Callable[[str], None]
    ) -> None:
        self.say, self.classes = say, model.bundle.classes
        self.jsonl = request.jsonl or (request.out is not None and request.out.suffix.lower() == ".jsonl")
        self._out, self._as_json, self._model, self._stdout = request.out, request.as_json, model, stdout
        self._streams = request.watch and request.out is None and not request.as_json

    def begin_stream(self) -> None:
        """Write the CSV's header, if rows are written to stdout as they arrive."""
        if self._streams and not self.jsonl:
            write_csv([], self.classes, self._stdout)

    def stream(self, row: ResultRow) -> None:
        """Write a row, if rows are written to stdout as they arrive."""
        if self._streams and self.jsonl:
            write_jsonl([row], self._stdout)
        elif self._streams:
            write_csv([row], self.classes, self._stdout, header=False)
        self._stdout.flush()

    def write(self, rows: Rows) -> Differential:
        """Write all rows, except where they were streamed; return their differential."""
        count = Differential(self.classes)
        if self._out is not None:
            save(rows() if self._as_json else count.counting(rows()), self.classes, self._out, jsonl=self.jsonl)
            self.say(f"rows: {self._out}")
        if self._as_json:
            before = {"model": str(self._model.bundle.path), "model_sha256": self._model.sha256}
            after: Callable[[], dict[str, object]] = lambda: {"differential": count.to_json()}  # noqa: E731
            write_json_object(before, count.counting(rows()), after, self._stdout)
        elif self._streams:
            for _ in count.counting(rows()):
                pass
        elif self._out is None and self.jsonl:
            write_jsonl(count.counting(rows()), self._stdout)
        elif self._out is None:
            write_csv(count.counting(rows()), self.classes, self._stdout)
        return count
