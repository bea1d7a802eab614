"""`edgewbc classify`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import progress, say
from edgewbc.errors import StalledError, UserError

if TYPE_CHECKING:
    from edgewbc.lab.classify import Model, Row
    from edgewbc.lab.journal import Journal
    from edgewbc.lab.watch import Watcher


def command(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, and folders of pictures (with all folders in them).")],
    model: Annotated[
        Path | None,
        typer.Option(help="Bundle (folder or zip). [default: the newest in ./bundles, else the shipped one]"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="int8 or f32, as the bundle holds. [default: what doctor chose, else the bundle's]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows to this file: CSV, or JSON lines if it ends in .jsonl.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Keep every answer in this file. [default: --out's name and .journal]")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and classify pictures as they are saved, until Ctrl-C.")
    ] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="JSON lines in place of CSV.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processors to use. [default: what doctor chose, else all]")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures answered at once.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: rows and differential.")] = False,
) -> None:
    """Classify pictures of single cells; a row each, and a differential count at the end.

    A picture that cannot be read is a row with status `error` and a reason, and the others go on. Status `review` asks
    a person to look: the reason says why. Without --out the rows go to stdout and the differential to stderr.

    With --out, each answer is kept in a journal as it comes. However a run ends, the same command goes on from there:
    what has an answer is not done again, unless the file has changed. The journal stays, as the record of which file
    gave which answer.

    \b
    Example:
      edgewbc classify smear-17 --out smear-17.csv
      edgewbc classify --watch camera --out today.csv
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.images.discover import names
    from edgewbc.lab import results, session
    from edgewbc.lab.classify import Model
    from edgewbc.lab.watchdog import end_if_frozen

    files = [] if watch else names(paths)
    if out is not None:
        results.check_place(out)
    place = session.place(out, journal)
    session.check_not_among(files, out, place)
    with end_if_frozen():
        bundle = Bundle.open(defaults.bundle(model))
        jsonl = jsonl or (out is not None and out.suffix.lower() == ".jsonl")
        if place is None and not (watch or as_json):
            ready = Model.load(bundle, precision, threads)
            answers = progress(map(ready.row, ready.outcomes(map(Path, files), batch)), "classify", len(files))
            _tell(ready, lambda: answers, None, jsonl, False)
            return
        ready, kept = session.begin(bundle, place, precision, threads)
        with kept:
            try:
                if watch:
                    found = _watch(ready, kept, paths, out, jsonl, as_json, batch)
                else:
                    found = _answer(ready, kept, files, batch)
            except (KeyboardInterrupt, StalledError):
                if place is not None:
                    say(f"all results so far are in {place}; run the same command again to resume")
                raise
            kept.settle()  # before the file of rows is there, so that it never says more than the journal
            _tell(ready, found, out, jsonl, as_json, written=watch and not (out or as_json))
        if place is not None:
            say(f"journal: {place}")


def _answer(model: Model, kept: Journal, files: list[str], batch: int) -> Callable[[], Iterable[Row]]:
    """Answer what has no answer in the journal; gives all rows."""
    from edgewbc.lab import session

    left = session.left(kept, files)
    if len(left) < len(files):
        say(f"{len(files) - len(left)} of {len(files)} pictures have their answer already; {len(left)} to go")
    for _ in progress(session.answer(model, kept, left, batch), "classify", len(left)):
        pass
    return lambda: kept.rows(files)


def _watch(
    model: Model, kept: Journal, paths: list[Path], out: Path | None, jsonl: bool, as_json: bool, batch: int
) -> Callable[[], Iterable[Row]]:
    """Answer what comes until Ctrl-C; gives the rows of all that came, now and before."""
    from edgewbc.lab.results import Sheet, save, write_csv, write_jsonl
    from edgewbc.lab.watch import outermost, watch

    tops, classes = outermost(paths), model.bundle.classes
    told: set[str] = set()

    def rows() -> Iterator[Row]:
        for top in tops:
            yield from kept.rows(kept.names(top))

    def write() -> None:
        if out is not None:
            kept.settle()
            save(rows(), classes, out, jsonl=jsonl)

    sheet = Sheet(write, stale=True)

    def step(watcher: Watcher) -> bool:
        for name in watcher.gone:
            say(f"{name}: went away before it was classified")
        watcher.gone.clear()
        sheet.keep()
        troubles = {f"{top}: cannot be looked at: {reason}" for top, reason in watcher.trouble.items()}
        troubles |= {sheet.trouble} - {""}
        for line in sorted(troubles - told):
            say(f"{line}; it is tried again")
        told.clear()
        told.update(troubles)
        return True

    say(f"watching {', '.join(tops)}; Ctrl-C ends it")
    stream = out is None and not as_json
    if stream and not jsonl:
        write_csv([], classes, sys.stdout)
    try:
        for row in watch(model, kept, tops, step=step, batch=batch):
            sheet.stale = True
            if stream and jsonl:
                write_jsonl([row], sys.stdout)
            elif stream:
                write_csv([row], classes, sys.stdout, head=False)
            sys.stdout.flush()
    except KeyboardInterrupt:
        say("stopped")
    return rows


def _tell(
    model: Model,
    rows: Callable[[], Iterable[Row]],
    out: Path | None,
    jsonl: bool,
    as_json: bool,
    written: bool = False,
) -> None:
    """Put the rows where they are wanted (unless they are `written` already), and the differential beside them."""
    from edgewbc.lab.differential import Differential
    from edgewbc.lab.results import save, write_csv, write_jsonl, write_object

    classes = model.bundle.classes
    count = Differential(classes)
    if out is not None:
        save(rows() if as_json else count.counting(rows()), classes, out, jsonl=jsonl)
        say(f"rows: {out}")
    if as_json:
        before = {"model": str(model.bundle.path), "model_sha256": model.sha256}
        write_object(before, count.counting(rows()), lambda: {"differential": count.to_dict()}, sys.stdout)
    elif written:
        for _ in count.counting(rows()):
            pass
    elif out is None and jsonl:
        write_jsonl(count.counting(rows()), sys.stdout)
    elif out is None:
        write_csv(count.counting(rows()), classes, sys.stdout)
    if not as_json:
        (say if out is None else print)(table(count.to_dict()))
    if count.failed is not None and count.statuses["error"] == count.total:
        first = f"{count.failed.path}: {count.failed.reason}"
        raise UserError(f"not one of {count.total} pictures could be read; the first: {first}")


def table(told: dict[str, Any]) -> str:
    """The differential for a person."""
    from edgewbc.utils import text

    lines = [
        [name, str(share["n"]), *(["-", "-"] if share["percent"] is None else _percents(share))]
        for name, share in told["classes"].items()
    ]
    shown = text.table(["class", "n", "percent", "95 % interval"], lines)
    return f"{shown}\n{told['counted']} counted, {told['review']} to review, {told['errors']} could not be read"


def _percents(share: dict[str, Any]) -> list[str]:
    low, high = share["interval"]
    return [f"{share['percent']:.1f} %", f"{low:.1f}-{high:.1f} %"]
