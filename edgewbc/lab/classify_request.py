"""What a run of `edgewbc classify` is asked for, and the checks of its paths before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.lab.classify import ASK_BUNDLE
from edgewbc.lab.csv_table import CsvStyle
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.results_file import check_is_results, check_output_path
from edgewbc.lab.resume import check_not_inputs, journal_path
from edgewbc.lab.summary import check_summary_path, summary_path
from edgewbc.lab.thresholds import ReviewThresholds


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


def results_file(request: ClassifyRequest, engine: str) -> Path:
    """Return the results file of a run on another engine than `pc`. Raises UserError if it has none, or watches."""
    if request.watch or request.out is None:
        what = "does not watch folders: leave out --watch" if request.watch else "needs a results file: give --out"
        raise UserError(f"--engine {engine}: {what}")
    return request.out


def own_files(request: ClassifyRequest) -> list[Path]:
    """Return the files that a run writes."""
    summary = None if request.out is None else summary_path(request.out)
    return [file for file in (request.out, request.journal, summary) if file is not None]


def check_outputs(request: ClassifyRequest, files: Sequence[str]) -> Path | None:
    """Check that the files to be written can be, and replace nothing of value; return the journal's path.

    Raises:
        UserError: one cannot, or does.
    """
    out = request.out
    if request.style != CsvStyle.PLAIN and (request.as_json or is_jsonl(request)):
        raise UserError(f"--csv {request.style}: the rows are written as JSON: leave out --csv, or --json and --jsonl")
    if out is not None:
        check_output_path(out)
        check_summary_path(out)
    path = journal_path(out, request.journal)
    if out is not None and path is not None:
        check_is_results(out, path)
    check_not_inputs(files, out, path, None if out is None else summary_path(out))
    return path


def is_jsonl(request: ClassifyRequest) -> bool:
    """Return whether the rows are written as JSON Lines."""
    return request.jsonl or (request.out is not None and request.out.suffix.lower() == ".jsonl")
