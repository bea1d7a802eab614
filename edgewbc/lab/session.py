"""One run of `edgewbc classify`: which files, which journal, resuming, watching, and where the rows are written."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import StalledError, UserError
from edgewbc.images.discover import Found, search
from edgewbc.lab.classify import ASK_BUNDLE, LoadedBundle
from edgewbc.lab.csv_table import CsvStyle, write_csv
from edgewbc.lab.differential import Differential
from edgewbc.lab.engine import Engine, ThisProcess
from edgewbc.lab.journal import Journal
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.results import ResultRow, Status, write_json_object, write_jsonl
from edgewbc.lab.results_file import LiveResultsFile, check_is_results, check_output_path, check_same_images, save
from edgewbc.lab.resume import check_not_inputs, journal_path, open_journal, pending
from edgewbc.lab.run_microscope import named_microscope, tell_microscope
from edgewbc.lab.summary import RunSummary, check_summary_path, summary_path
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.utils.files import sha256
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import printable

if TYPE_CHECKING:
    from edgewbc.lab.watch import FolderWatcher

Rows = Callable[[], Iterable[ResultRow]]
"""Returns all rows; the first call may be what classifies the images, as the rows are taken."""

HELD = 16 << 20
"""Bytes of JSON that are held in memory before they are held in a temporary file."""


@dataclass(frozen=True)
class ClassifyRequest:
    """What to classify, and where the rows go.

    Attributes:
        paths: image files and folders; only folders if `watch` is set.
        out: results file; None writes the rows to stdout.
        journal: its path; None puts it next to `out`. Without both there is none, or a temporary one if `watch` is set.
        watch: keep running and classify images as they are saved, until Ctrl-C.
        jsonl: write JSON Lines instead of CSV; implied by an `out` that ends in .jsonl.
        style: how CSV is written.
        as_json: write one JSON object with rows and differential to stdout, besides `out`.
        thresholds, precision, threads: see `LoadedBundle.load`.
        batch: images per inference call.
        listed: names of images from a list, besides `paths`; they need not exist.
        microscope: file of the profile of the images' microscope, for a bundle that locates cells; None learns it from
            the images.
    """

    paths: Sequence[Path]
    out: Path | None = None
    journal: Path | None = None
    watch: bool = False
    jsonl: bool = False
    style: CsvStyle = CsvStyle.PLAIN
    as_json: bool = False
    thresholds: ReviewThresholds = ASK_BUNDLE
    precision: str | None = None
    threads: int | None = None
    batch: int = BATCH
    microscope: Path | None = None
    listed: Sequence[str] = ()


@dataclass(frozen=True)
class ClassifySummary:
    """How a run ended: its differential, its journal (None if it was temporary), and what the summary file holds."""

    differential: Differential
    journal: Path | None
    summary: RunSummary


def run(
    request: ClassifyRequest,
    open_bundle: Callable[[], Bundle],
    stdout: TextIO,
    *,
    say: Callable[[str], None],
    progress: Progress = quiet,
    engine: Engine | None = None,
) -> ClassifySummary:
    """Classify what is requested and write the rows.

    With a journal, every result is recorded as it is made, and files that have one are skipped. `request.out` is
    written meanwhile under a temporary name; it and its summary appear once all results are on the disk.

    Args:
        request: what to do.
        open_bundle: opens the bundle; called after the paths are checked.
        stdout: where rows go if `request.out` is None.
        say: takes messages for a person, one line each.
        progress: shows the progress of classification.
        engine: where the images of a run with a journal are classified; None takes this process.

    Raises:
        UserError: bad paths, a bundle that cannot be used, or a journal or results file that cannot be written.
        StalledError: nothing moves any more; with a journal, the run can be resumed.
    """
    engine = engine or ThisProcess()
    found = Found([]) if request.watch else search(request.paths, _ours(request), request.listed)
    files = found.names
    path = _check_outputs(request, files)
    for remark in found.remarks():
        say(remark)
    with end_if_frozen():
        bundle = open_bundle()
        given = named_microscope(request.microscope, bundle)
        learn = partial(_learn_microscope, request, bundle, files, progress, engine)
        if path is None and not request.watch:
            model = LoadedBundle.load(bundle, request.precision, request.threads, request.thresholds)
            if model.by_cell:
                model = replace(model, microscope=given or learn())
            tell_microscope(model, say)
            images = chain.from_iterable(model.classified(map(Path, files), request.batch))
            each = progress((image.rows for image in images), "classify", len(files))
            return _Output(request, model, None, stdout, say, found).write(lambda: chain.from_iterable(each))
        options = (request.precision, request.threads, request.thresholds)
        model, journal = open_journal(bundle, path, *options, microscope=given, learn=learn)
        tell_microscope(model, say)
        output = _Output(request, model, path, stdout, say, found)
        with journal:
            if request.out is not None:
                check_same_images(request.out, [*request.paths, *request.listed], journal.holds)
            try:
                if request.watch:
                    return output.write(_watch(request, model, journal, output))
                return output.write(_classify_pending(request, model, journal, files, say, progress, engine))
            except (KeyboardInterrupt, StalledError):
                if path is not None:
                    say(f"all results so far are in {path}; run the same command again to resume")
                raise


def results_file(request: ClassifyRequest, engine: str) -> Path:
    """Return the results file of a run on another engine than `pc`. Raises UserError if it has none, or watches."""
    if request.watch or request.out is None:
        what = "does not watch folders: leave out --watch" if request.watch else "needs a results file: give --out"
        raise UserError(f"--engine {engine}: {what}")
    return request.out


def _learn_microscope(
    request: ClassifyRequest, bundle: Bundle, files: Sequence[str], progress: Progress, engine: Engine
) -> Microscope:
    """Learn the microscope of the images that there are; when a folder is watched, of those that it holds already."""
    names = search(request.paths, _ours(request)).names if request.watch else files
    return engine.learn(bundle, names, progress)


def _ours(request: ClassifyRequest) -> list[Path]:
    """Return the files that a run writes."""
    summary = None if request.out is None else summary_path(request.out)
    return [file for file in (request.out, request.journal, summary) if file is not None]


def _check_outputs(request: ClassifyRequest, files: Sequence[str]) -> Path | None:
    """Check that the files to be written can be, and replace nothing of value; return the journal's path.

    Raises:
        UserError: one cannot, or does.
    """
    out = request.out
    if request.style != CsvStyle.PLAIN and (request.as_json or _is_jsonl(request)):
        raise UserError(f"--csv {request.style}: the rows are written as JSON: leave out --csv, or --json and --jsonl")
    if out is not None:
        check_output_path(out)
        check_summary_path(out)
    path = journal_path(out, request.journal)
    if out is not None and path is not None:
        check_is_results(out, path)
    check_not_inputs(files, out, path, None if out is None else summary_path(out))
    return path


def _is_jsonl(request: ClassifyRequest) -> bool:
    return request.jsonl or (request.out is not None and request.out.suffix.lower() == ".jsonl")


def _classify_pending(
    request: ClassifyRequest,
    model: LoadedBundle,
    journal: Journal,
    files: list[str],
    say: Callable[[str], None],
    progress: Progress,
    engine: Engine,
) -> Rows:
    """Classify the files without a result in the journal; return all rows.

    They are classified while the rows are taken, if they go into a file that appears at its end and come in order.
    """
    todo = pending(journal, progress(files, "compare with the journal", len(files)))
    if len(todo) < len(files):
        say(f"resuming: {len(files) - len(todo)} of {len(files)} images are in the journal; {len(todo)} to classify")
    made = iter(progress(engine.classify(model, journal, todo, request.batch), "classify", len(todo)))
    waiting = deque(todo)

    def rows() -> Iterator[ResultRow]:
        for name in files:
            if waiting and waiting[0] == name:
                waiting.popleft()
                yield from (row.under(name) for row in next(made))
            else:
                yield from journal.cells_of(name)
        for _ in made:  # it ends its threads
            pass
        journal.flush()  # before the results file exists, so that it never holds more than the journal

    if request.out is None or not engine.in_order:
        for _ in made:
            pass
        waiting.clear()
    return rows


def _watch(request: ClassifyRequest, model: LoadedBundle, journal: Journal, output: _Output) -> Rows:
    """Classify images as they arrive, until Ctrl-C; return the rows of all that arrived, now and before."""
    from edgewbc.lab.watch import outermost, watch

    folders = outermost(request.paths)
    reported, left_out = set[str](), set[str]()

    def rows() -> Iterator[ResultRow]:
        for folder in folders:
            yield from journal.rows(journal.names(folder))

    def write() -> None:
        if request.out is not None:
            journal.flush()
            output.save(rows())

    live, counter = LiveResultsFile(write, stale=True), WatchCounter(output.say)

    def step(watcher: FolderWatcher) -> bool:
        for name in watcher.deleted:
            output.say(f"{printable(name)}: was deleted before it could be classified")
        watcher.deleted.clear()
        counter.report()
        output.found = watcher.left_out()
        live.refresh()
        if (now_left := {*output.found.others, *output.found.skipped}) - left_out:  # a new kind, not each new file
            for line in output.found.remarks():
                output.say(line)
        left_out.update(now_left)
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
        for of_image in watch(model, journal, folders, step=step, ours=_ours(request), batch=request.batch):
            live.stale = True
            counter.add(of_image)
            output.stream(of_image)
    except KeyboardInterrupt:
        output.say("stopped")
    journal.flush()
    return rows


@dataclass
class WatchCounter:
    """Shows that a watch is alive: a line with the number of images so far, when it has grown, now and then.

    Attributes:
        say: takes a line.
        clock: seconds; only differences matter.
        every: seconds between two lines at least.
    """

    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    every: float = 10.0
    _statuses: Counter[str] = field(default_factory=Counter)
    _images: int = 0
    _reported: int = 0
    _due: float = float("-inf")

    def add(self, rows: Sequence[ResultRow]) -> None:
        """Count the rows of an image."""
        self._images += 1
        self._statuses.update(str(row.status) for row in rows)

    def report(self) -> None:
        """Say how many images there are, if there are more than at the last line and it is time for one."""
        total, now = self._images, self.clock()
        if total == self._reported or now < self._due:
            return
        self._reported, self._due = total, now + self.every
        rows = self._statuses.total()
        cells = f" with {rows} cells" if rows != total else ""
        each = ", ".join(f"{count} {status}" for status, count in sorted(self._statuses.items()))
        self.say(f"{total} {'image' if total == 1 else 'images'}{cells} classified: {each}")


class _Output:
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
        self.say, self.classes, self.jsonl = say, model.bundle.classes, _is_jsonl(request)
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
