"""`edgewbc verify`: check that nothing in a case was altered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say


def command(
    case: Annotated[Path, typer.Argument(help="Folder of the case.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")] = False,
) -> None:
    """Check that nothing in a case was altered: results, decisions, signatures, crops and images.

    Each row of the journal has a checksum, and decisions and signatures are chained by hashes; a signature covers
    everything before it. Exits with 3 if anything does not match, and says what. The hashes are no proof against
    someone who rewrites the whole case: keep the last line, or a printed report, elsewhere to compare.

    \b
    Example:
      edgewbc verify cases/smear-17
    """
    from edgewbc.errors import GateError
    from edgewbc.lab.case import Case
    from edgewbc.lab.case_verify import verify

    found = verify(case)
    last = None if found.problems else next(reversed(Case.read(case).sign_offs), None)
    if json:
        emit(
            {
                "intact": not found.problems,
                "problems": list(found.problems),
                "notes": list(found.notes),
                "sign_off": None if last is None else {"who": last.who, "at": last.at, "hash": last.hash},
            }
        )
    for note in found.notes:
        say(note)
    if found.problems:
        for problem in found.problems:
            say(f"{case}: {problem}")
        raise GateError(f"{case}: was altered: {len(found.problems)} mismatches, listed above")
    if not json:
        print(f"intact: {found.checked}")
        if last is not None:
            print(f"last signature: {last.who} at {last.at}, hash {last.hash}")
