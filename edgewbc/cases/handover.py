"""Hand a signed case over to a laboratory's information system: a file in a folder that the system watches."""

from __future__ import annotations

import difflib
import os
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from edgewbc._version import __version__
from edgewbc.cases.case import Case
from edgewbc.cases.differential import CaseDifferential, Line, limits
from edgewbc.cases.file import check_text
from edgewbc.cases.history import UNDO, CaseState
from edgewbc.cases.labels import LABELS
from edgewbc.cells import CLASSES, ERYTHROBLAST
from edgewbc.errors import UserError
from edgewbc.interop import fhir, hl7, sheet
from edgewbc.interop.codes import Codes
from edgewbc.interop.form import Form
from edgewbc.interop.report import PER_100, PER_VOLUME, PERCENT, RESEARCH, Observation, Report, Stage
from edgewbc.utils import temporaries
from edgewbc.utils.files import flush_folder, make_folder

SUFFIXES = {Form.HL7: hl7.SUFFIX, Form.FHIR: fhir.SUFFIX, Form.CSV: sheet.SUFFIX}


def report_of(case: Case, codes: Codes, *, draft: bool = False, accession: str = "") -> Report:
    """Return what a case has to hand over.

    Args:
        case: read or opened.
        codes: under which results are reported.
        draft: hand over a case that is not signed, as preliminary.
        accession: accession number of a case that has none.

    Raises:
        UserError: the case is not signed (or signed, for a draft), has no white cell, or another accession number; a
            file of it was altered since; or the codes misspell a type.
    """
    accession = check_text(accession, "accession number").strip()
    own = case.info.accession.strip()
    if accession and own and accession != own:
        raise UserError(f"{case.folder}: has the accession number {own}, not {accession}")
    _check_state(case, draft)
    _check_codes(codes, case.labels)
    found = case.differential()
    if not found.counted:
        raise UserError(f"{case.folder}: has no white cell that counts: there is nothing to hand over")
    signed = case.sign_offs[-1] if case.signed else None
    stage = Stage.PRELIMINARY if signed is None else Stage.FINAL if case.version == 1 else Stage.CORRECTED
    info = case.info
    return Report(
        case=info.case,
        accession=accession or own,
        version=case.version,
        stage=stage,
        counted_at=info.created,
        signed_by="" if signed is None else signed.who,
        signed_at="" if signed is None else signed.at,
        signature="" if signed is None else signed.hash,
        panel=codes.panel,
        observations=tuple(_observations(found, codes, case.classes, _reported(case))),
        counted=found.counted,
        notes=tuple(_notes(case, found, stage)),
        software=f"edgewbc {info.versions.get('edgewbc') or __version__}",
    )


def drop(report: Report, form: Form, to: Path, codes: Codes, made: str) -> Path:
    """Write a report into a folder, whole or not at all, under a name that no file has; return the file.

    A signed version is handed over once. A preliminary report may be followed by others, as the review goes on: the
    files are numbered. While a file is written, its name begins with a point.

    Args:
        report: to hand over.
        form: of the file.
        to: folder; it is created if it does not exist.
        codes: with the settings of HL7 messages.
        made: time of the message, UTC, ISO 8601.

    Raises:
        UserError: an HL7 message without an accession number, or a signed version whose file exists.
    """
    if form == Form.HL7 and not report.accession:
        raise UserError(
            f"the case {report.case} has no accession number, which an HL7 message needs: give it with --accession"
        )
    data = {
        Form.HL7: lambda: hl7.message(report, codes.settings, made),
        Form.FHIR: lambda: fhir.encoded(report, made),
        Form.CSV: lambda: sheet.encoded(report),
    }[form]()
    target = to / f"{report.file_stem}{SUFFIXES[form]}"
    again = report.stage == Stage.PRELIMINARY
    if to.exists() and not to.is_dir():
        raise UserError(f"{to}: is not a folder")
    make_folder(to)
    with temporaries.temporary_file(target) as temporary:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        number = 1
        while True:
            name = target if number == 1 else to / f"{report.file_stem}-{number}{SUFFIXES[form]}"
            if _name_once(temporary, name):
                break
            if not again:
                raise UserError(f"{name}: exists already: this version was handed over, and is never overwritten")
            number += 1
    flush_folder(to)
    return name


def _name_once(temporary: Path, target: Path) -> bool:
    """Give a file its name unless that is taken; return whether it has it."""
    if target.exists() or target.is_symlink():
        return False
    try:
        os.link(temporary, target)  # fails if another process was first
    except FileExistsError:
        return False
    except (OSError, AttributeError, NotImplementedError):  # a file system without links, such as FAT or a share
        temporary.rename(target)
    return True


def _check_state(case: Case, draft: bool) -> None:
    folder = case.folder
    case.check_signed_files()
    if draft:
        if case.signed:
            raise UserError(f"{folder}: is signed: hand it over without --draft")
        if case.sign_offs:
            raise UserError(
                f"{folder}: version {len(case.sign_offs)} is signed, and no draft takes the place of a final result: "
                f"sign the correction with `edgewbc review {folder}`, then hand it over"
            )
        return
    if case.state == CaseState.UNSIGNED:
        raise UserError(f"{folder}: is not signed: sign it with `edgewbc review {folder}`, or hand over a --draft")
    if not case.signed:
        raise UserError(f"{folder}: has a correction that is not signed: sign it with `edgewbc review {folder}`")


def _check_codes(codes: Codes, labels: Sequence[str]) -> None:
    """Refuse codes of a misspelled type: the type itself would be reported under a local code.

    Codes of types that this case cannot have are allowed: a laboratory may have several networks.
    """
    for key in codes.codings:
        name, _, kind = key.rpartition(".")
        close = difflib.get_close_matches(name.casefold().replace("_", " "), labels, 1, 0.75) if name else []
        if close and name not in {*labels, *LABELS}:
            raise UserError(f"unknown type in the codes, {key!r}: did you mean {close[0]}.{kind}?")


def _reported(case: Case) -> set[str]:
    """Return the types that had a cell in a signed version: a correction to 0 must replace what was handed over."""
    found: set[str] = set()
    for version in range(1, len(case.sign_offs) + 1):
        signed = case.differential(version)
        found |= {line.label for line in signed.shown()}
        if signed.erythroblasts.n:
            found.add(ERYTHROBLAST)
    return found


def _observations(
    found: CaseDifferential, codes: Codes, classes: Iterable[str], reported: Container[str]
) -> Iterable[Observation]:
    """Yield the results: all of the five types, and others that have a cell or had one in a version before."""
    lines = [line for line in found.lines if line.n or line.label in CLASSES or line.label in reported]
    for line in lines:
        note = f"{line.n} of {found.counted} white cells, 95 % limits {limits(line.exact)}"
        coding = codes.percent(line.label, line.title)
        low, high = ("", "") if line.exact is None else (f"{100 * bound:.2f}" for bound in line.exact)
        yield Observation(line.label, coding, str(line.percent), PERCENT, line.n, low, high, note)
    for line in lines:
        if line.absolute is not None:
            yield _absolute(line, codes)
    nucleated = found.erythroblasts
    if nucleated.per_100 is not None and (nucleated.n or ERYTHROBLAST in classes or ERYTHROBLAST in reported):
        low, high = ("", "") if nucleated.exact is None else (f"{bound:.1f}" for bound in nucleated.exact)
        note = f"{nucleated.n} beside {found.counted} white cells, 95 % limits {low}-{high}"
        value = f"{nucleated.per_100:.1f}"
        yield Observation(ERYTHROBLAST, codes.ratio(ERYTHROBLAST), value, PER_100, nucleated.n, low, high, note)


def _absolute(line: Line, codes: Codes) -> Observation:
    low, high = ("", "") if line.absolute_exact is None else (f"{bound:.2f}" for bound in line.absolute_exact)
    note = f"the analyzer's total times the share; 95 % limits of the count {low}-{high}"
    coding = codes.absolute(line.label, line.title)
    return Observation(line.label, coding, f"{line.absolute:.2f}", PER_VOLUME, line.n, low, high, note)


def _notes(case: Case, found: CaseDifferential, stage: Stage) -> Iterable[str]:
    """Yield what a person should know of the whole."""
    info = case.info
    if stage == Stage.PRELIMINARY:
        yield "Preliminary: nobody has signed this differential."
    if stage == Stage.CORRECTED:
        last, before = case.sign_offs[-1].last_decision, case.sign_offs[-2].last_decision
        reasons = dict.fromkeys(each.why for each in case.decisions[before:last] if each.why and each.why != UNDO)
        yield f"Correction of version {case.version - 1}: {'; '.join(reasons) or 'no reason given'}"
    yield (
        f"{found.counted} white cells on images, classified with the network {info.bundle} "
        f"({info.model_sha256[:12]}); a person decided on {found.decided} and changed {found.changed}."
    )
    for line in (found.open_line(), found.excluded_line(), *found.others_lines()):
        if line:
            yield f"{line[0].upper()}{line[1:]}."
    yield RESEARCH
