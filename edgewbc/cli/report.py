"""`edgewbc report`: a case as one printable page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import say, wrote


def command(
    case: Annotated[Path, typer.Argument(help="Folder of the case.")],
    to: Annotated[Path, typer.Option(help="File to write: .html, or .pdf where this PC has Chromium, Chrome or Edge.")],
    ranges: Annotated[
        Path | None, typer.Option(metavar="YAML", help="Reference ranges of the laboratory. [default: none]")
    ] = None,
    gallery: Annotated[int, typer.Option(min=0, max=100, help="Cells of each type that are shown.")] = 8,
    zeros: Annotated[bool, typer.Option("--zeros", help="Also list the types without a cell.")] = False,
) -> None:
    """Write the report of a case: differential with limits, flags, cells, what a person changed, and who signed.

    The page needs no other file and no network, and prints on A4. Before the case is signed it is marked as a draft.

    The reference ranges are a YAML file with a line for each, such as "neutrophil.percent: 40 to 75" and
    "neutrophil.absolute: 1.8 to 7.7" in 10^9/L, and a line "source: ..." with where they are from. There are no
    ranges unless the laboratory gives its own.

    \b
    Example:
      edgewbc report cases/smear-17 --to smear-17.html
      edgewbc report cases/smear-17 --to smear-17.pdf --ranges ranges.yaml
    """
    import tempfile

    from edgewbc.cases.case import Case
    from edgewbc.cases.ranges import read_ranges
    from edgewbc.cases.report import report
    from edgewbc.errors import UserError
    from edgewbc.utils.browser import print_pdf
    from edgewbc.utils.files import write_text

    if to.suffix.lower() not in (".html", ".htm", ".pdf"):
        raise UserError(f"{to}: name a file that ends in .html or .pdf")
    if to.is_dir():
        raise UserError(f"{to}: is a folder: name a file")
    own = None if ranges is None else read_ranges(ranges)
    opened = Case.read(case)
    page = report(opened, own, shown=gallery, zeros=zeros)
    if to.suffix.lower() == ".pdf":
        with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
            file = Path(folder) / "report.html"
            write_text(file, page)
            print_pdf(file, to)
    else:
        write_text(to, page)
    if not opened.signed:
        say(f"{case}: is not signed, so the report is marked as a draft")
    wrote(to)
