"""`edgewbc review`: look at the cells of a case in a browser, correct them and sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import say


def command(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Folder that `edgewbc count` made.")],
    by: Annotated[str, typer.Option(help="Name of the person who decides. [default: asked in the page]")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Bundle of the case, for its maps. [default: the shipped one of that name]")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this computer; 0 takes a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the address, and do not open the browser.")] = False,
) -> None:
    """Open the review page of a case: correct the cells, and sign the differential.

    The page is served to this computer alone, under an address that holds a random token; nothing is loaded from a
    network. Open cells come first; 1 to 9 assign a class, and ? shows all keys. Every decision is saved at once. Ctrl-C
    ends the command; run it again to resume.

    \b
    Example:
      edgewbc review case-17 --by "M. Curie"
    """
    from edgewbc.cases import maps as case_maps
    from edgewbc.cases.case import Case
    from edgewbc.cases.file import check_text
    from edgewbc.cli import defaults
    from edgewbc.lab.explain import CAPTION
    from edgewbc.review import server
    from edgewbc.review.cell_images import Maps
    from edgewbc.utils.text import count

    check_text(by, "name")
    with Case.open(case) as opened:
        bundle = case_maps.find_bundle(opened.info, model and defaults.named_bundle(model))
        maps = Maps() if bundle is None else Maps(case_maps.CaseMaps(opened.info, bundle), CAPTION)
        server.run(opened, by=by.strip(), port=port, maps=maps, open_browser=not no_open, say=say)
        left = len(opened.open_cells)
        if opened.signed:
            say(f"{case} is signed")
        else:
            cells = count(left, "cell is", "cells are") if left else "no cell is"
            say(f"{case} is not signed, {cells} open: run the same command again to resume")
