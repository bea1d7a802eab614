"""One run of `edgewbc classify`: which files, which journal, resuming, watching, and where the rows are written."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import StalledError
from edgewbc.images.discover import Found, search
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.classify_request import ClassifyRequest, check_outputs, own_files
from edgewbc.lab.engine import Engine, ThisProcess
from edgewbc.lab.journal import Journal
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.results import ResultRow
from edgewbc.lab.results_file import LiveResultsFile, check_same_images
from edgewbc.lab.resume import open_journal, pending
from edgewbc.lab.run_microscope import named_microscope, tell_microscope
from edgewbc.lab.run_output import ClassifySummary, Rows, RunOutput
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import printable

if TYPE_CHECKING:
    from edgewbc.lab.watch import FolderWatcher


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
    found = Found([]) if request.watch else search(request.paths, own_files(request), request.listed)
    files = found.names
    path = check_outputs(request, files)
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
            return RunOutput(request, model, None, stdout, say, found).write(lambda: chain.from_iterable(each))
        options = (request.precision, request.threads, request.thresholds)
        model, journal = open_journal(bundle, path, *options, microscope=given, learn=learn)
        tell_microscope(model, say)
        output = RunOutput(request, model, path, stdout, say, found)
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


def _learn_microscope(
    request: ClassifyRequest, bundle: Bundle, files: Sequence[str], progress: Progress, engine: Engine
) -> Microscope:
    """Learn the microscope of the images that there are; when a folder is watched, of those that it holds already."""
    names = search(request.paths, own_files(request)).names if request.watch else files
    return engine.learn(bundle, names, progress)


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


def _watch(request: ClassifyRequest, model: LoadedBundle, journal: Journal, output: RunOutput) -> Rows:
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
        for of_image in watch(model, journal, folders, step=step, ours=own_files(request), batch=request.batch):
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
