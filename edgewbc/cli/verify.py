"""`edgewbc verify`: check that nothing in a case was altered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json


def command(
    case: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of a case; or a bundle, a folder or a zip.")],
    trust: Annotated[
        Path | None,
        typer.Option(metavar="KEYS", help="For a bundle: file of trusted public keys. [default: EDGEWBC_TRUSTED_KEYS]"),
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="For a bundle: exit with 2 unless a trusted key has signed it.")
    ] = False,
    json: Json = False,
) -> None:
    """Check that nothing in a case or a bundle was altered, and whose bundle it is.

    Of a bundle, every file is checked against its checksums, and its signature against trusted keys. Checksums show
    that files are undamaged, and only a signature by a key that was pinned beforehand shows who made them.

    Of a case: results, decisions, signatures, crops and images.

    Each row of the journal has a checksum, and decisions and signatures are chained by hashes; a signature covers
    everything before it. Exits with 3 if anything does not match, and says what. The hashes are no proof against
    someone who rewrites the whole case: keep the last line, or a printed report, elsewhere to compare.

    \b
    Example:
      edgewbc verify cases/smear-17
      edgewbc verify bundles/mine --trust lab.key.pub
    """
    if case.is_file() or (case / "SHA256SUMS").is_file():
        _bundle(case, trust, require_signature, json)
        return
    from edgewbc.cases.case import Case
    from edgewbc.cases.verify import verify
    from edgewbc.errors import GateError, UserError
    from edgewbc.utils.text import count

    if trust is not None or require_signature:
        raise UserError(f"{case}: --trust and --require-signature are for bundles, and this is not one")
    if not case.exists():
        raise UserError(f"{case}: no such case or bundle")
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
        raise GateError(f"{case}: was altered: {count(len(found.problems), 'mismatch', 'mismatches')}, listed above")
    if not json:
        print(f"intact: {found.checked}")
        if last is not None:
            print(f"last signature: {last.who} at {last.at}, hash {last.hash}")


def _bundle(path: Path, trust: Path | None, require: bool, json: bool) -> None:
    """Check a bundle's files and its signature."""
    from edgewbc.bundle import signature
    from edgewbc.bundle.bundle import Bundle

    opened = Bundle.open(path)
    files = opened.verify()
    keys = signature.trusted(trust)
    verdict = (signature.require if require else signature.judge)(opened, keys)
    if json:
        emit({"intact": True, "files": len(files), **verdict.to_json()})
    else:
        print(f"intact: {len(files)} files")
        print(verdict.line)
