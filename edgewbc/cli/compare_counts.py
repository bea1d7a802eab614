"""`edgewbc compare-counts`: two counts of one sample, and what chance allows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit
from edgewbc.cli.options import Json


def command(
    case: Annotated[Path, typer.Argument(help="Folder of the case.")],
    other: Annotated[
        Path | None,
        typer.Argument(help="Second count of the same sample. [default: compare person and software on CASE]"),
    ] = None,
    json: Json = False,
) -> None:
    """Compare two counts of one sample by the two-observer rule: do they differ by more than chance?

    For each type, the expected range is what chance alone allows in the second count, given the first, at 95 %. With
    one case, what the software alone says is compared with what counts after review. A case need not be signed.

    \b
    Example:
      edgewbc compare-counts cases/smear-17 cases/smear-17-second
      edgewbc compare-counts cases/smear-17
    """
    from edgewbc.cases.case import Case
    from edgewbc.cases.compare import compare, compare_with_software
    from edgewbc.utils.json_values import plain

    first = Case.read(case)
    found = compare_with_software(first) if other is None else compare(first, Case.read(other))
    if json:
        emit({**plain(found), "differ": found.differ})
    else:
        print(found.table())
