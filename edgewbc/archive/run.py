"""One run of `edgewbc classify --engine ray`: the checks that it needs, the run, and its table as Parquet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from edgewbc.archive import parquet
from edgewbc.archive.cluster import ClusterOptions, check_address, check_installed
from edgewbc.archive.engine import RayEngine
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab import session
from edgewbc.lab.classify_request import ClassifyRequest, results_file
from edgewbc.lab.run_output import ClassifySummary
from edgewbc.utils.progress import Progress, quiet


def classify(
    request: ClassifyRequest,
    options: ClusterOptions,
    open_bundle: Callable[[], Bundle],
    stdout: TextIO,
    *,
    say: Callable[[str], None],
    progress: Progress = quiet,
    lists: Sequence[Path] = (),
) -> ClassifySummary:
    """Classify what is requested on Ray, and write the table as Parquet too; see `lab.session.run`.

    Args:
        request, open_bundle, stdout, say, progress: see `lab.session.run`.
        options: where the workers run.
        lists: files that the request's listed names are from; none of them is replaced.

    Raises:
        UserError: as `session.run`; there is no results file, or Ray is not installed or cannot be reached.
        StalledError: a worker makes no progress.
    """
    out = results_file(request, "ray")
    if out.suffix.lower() == ".parquet":
        raise UserError(f"{out}: give --out {out.with_suffix('.csv')}; {out.name} is written next to it")
    check_installed()
    check_address(options.address)
    parquet_table = None if request.jsonl or out.suffix.lower() == ".jsonl" else parquet.path_of(out)
    if parquet_table is not None:
        if os.path.realpath(parquet_table) in map(os.path.realpath, lists):
            raise UserError(f"{parquet_table}: is a list of images, and the table would replace it: rename --out")
        parquet.check(parquet_table)
    summary = session.run(request, open_bundle, stdout, say=say, progress=progress, engine=RayEngine(options, say))
    if parquet_table is not None:
        parquet.write(out, parquet_table, style=request.style, classes=len(summary.differential.classes))
        say(f"table: {parquet_table}")
    return summary
