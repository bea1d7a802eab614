"""The report of a case: one self-contained, printable HTML page with differential, cells, changes and signatures."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from edgewbc._version import __version__
from edgewbc.cases.case import Case
from edgewbc.cases.cells import CaseCell
from edgewbc.cases.differential import CaseDifferential, Line, limits
from edgewbc.cases.flags import flags, is_outside
from edgewbc.cases.history import CaseState
from edgewbc.cases.labels import NOT_A_CELL, title
from edgewbc.cases.ranges import Ranges
from edgewbc.cases.report_page import PAGE
from edgewbc.errors import UserError
from edgewbc.utils import text
from edgewbc.utils.text import markup

SHOWN = 8
"""Cells of each type that the gallery shows."""
SIDE = 72
"""Height and width of a shown cell, in pixels."""
CHANGES = 12
"""Changed cells that are listed; all of them are counted."""

WARNING = (
    "For research use only; not a medical device. The software's labels are proposals: the result is what the person "
    "who signed answers for."
)


def report(case: Case, ranges: Ranges | None = None, *, shown: int = SHOWN, zeros: bool = False) -> str:
    """Return the report of a case as an HTML page that needs no other file and no network.

    An unsigned case gives a page that is clearly marked as a draft.

    Args:
        case: to report, as it stands now.
        ranges: of the laboratory.
        shown: cells of each type in the gallery.
        zeros: also give the types of which there is no cell.

    Raises:
        UserError: a file of the case, or the image of a cell in the gallery, was altered.
    """
    case.check_signed_files()
    found, ranges = case.differential(), ranges or Ranges()
    cells = case.cells()
    return PAGE.substitute(
        title=markup(f"Differential of {case.info.case}"),
        mark="" if case.signed else ' class="draft"',
        state=_state(case),
        case=markup(case.info.case),
        facts=_facts(case, found),
        warning=_paragraphs([case.index.warning], "problem"),
        open=_paragraphs([_sentence(found.open_line())], "problem"),
        table=_table(found, ranges, zeros),
        notes=_paragraphs([_sentence(line) for line in (*found.others_lines(), found.excluded_line())], "note"),
        limits=markup(_limits_note(found, ranges)),
        flags=_flags(flags(found, ranges)),
        gallery=_gallery(case, cells, shown),
        changes=_changes(case, cells),
        signatures=_signatures(case),
        made_with=_made_with(case),
        research=markup(WARNING),
    )


def _state(case: Case) -> str:
    """Return the mark at the top of the page."""
    if not case.signed:
        of = "" if case.state == CaseState.UNSIGNED else f" correction of version {len(case.sign_offs)}"
        return f'<strong class="state draft">DRAFT, NOT SIGNED</strong>{of}'
    last = case.sign_offs[-1]
    mark = "SIGNED" if case.state == CaseState.SIGNED else f"CORRECTED, version {case.version}"
    return f'<strong class="state">{mark}</strong> by {markup(last.who)}, {_time(last.at)}'


def _facts(case: Case, found: CaseDifferential) -> str:
    """Return the header of the case; it holds nothing of a patient but what the laboratory put into its ids."""
    info = case.info
    files = len({cell.image for cell in case.cells()})
    facts = [
        ("Accession", info.accession or "-"),
        ("White cells counted", f"{found.counted}" + ("" if info.asked is None else f" (asked for: {info.asked})")),
        ("WBC, as given", "-" if info.wbc is None else f"{info.wbc:g} &times; 10<sup>9</sup>/L"),
        ("Images", f"{files}"),
        ("Counted by", info.by or "-"),
        ("Counted at", _time(info.created)),
    ]
    safe = {"WBC, as given", "Counted at"}
    cells = (f"<div><dt>{name}</dt><dd>{value if name in safe else markup(value)}</dd></div>" for name, value in facts)
    return f"<dl>{''.join(cells)}</dl>"


def _table(found: CaseDifferential, ranges: Ranges, zeros: bool) -> str:
    """Return the table of the differential; a type without a cell is in it where that is outside of its range."""
    absolute = found.wbc is not None
    with_percent = any(ranges.of(line.label).percent for line in found.lines)
    with_absolute = absolute and any(ranges.of(line.label).absolute for line in found.lines)
    head = ["Type", "n", "%", "95 % limits"]
    head += ["Range, %"] * with_percent + ["10<sup>9</sup>/L"] * absolute
    head += ["Range, 10<sup>9</sup>/L"] * with_absolute
    rows = []
    for line in found.lines:
        own = ranges.of(line.label)
        outside = is_outside(line, own)
        if not (line.n or zeros or outside):
            continue
        row = [markup(_capital(line.title)), str(line.n), _percent(line), limits(line.exact)]
        row += [_range(own.percent)] * with_percent
        row += ["-" if line.absolute is None else f"{line.absolute:.2f}"] * absolute
        row += [_range(own.absolute)] * with_absolute
        marked = ' class="out"' if outside else ""
        rows.append(f"<tr{marked}>{_cells(row)}</tr>")
    total = ["White cells", str(found.counted), "100" if found.counted else "-", ""]
    total += [""] * with_percent + ([f"{found.wbc:.2f}"] if found.wbc is not None else []) + [""] * with_absolute
    rows.append(f'<tr class="total">{_cells(total)}</tr>')
    head_row = "".join(f'<th scope="col">{name}</th>' for name in head)
    return f"<table><thead><tr>{head_row}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cells(row: Sequence[str]) -> str:
    return f'<th scope="row">{row[0]}</th>' + "".join(f"<td>{value}</td>" for value in row[1:])


def _percent(line: Line) -> str:
    return "-" if line.percent is None else str(line.percent)


def _range(own: tuple[float, float] | None) -> str:
    return "-" if own is None else f"{own[0]:g}-{own[1]:g}"


def _limits_note(found: CaseDifferential, ranges: Ranges) -> str:
    parts = ["Percentages add up to 100. Limits: exact (Clopper-Pearson), for the chance in which cells were counted."]
    if found.wbc is not None:
        parts.append("Absolute counts: the WBC as given times the share.")
    if ranges.by_label:
        parts.append(f"Reference ranges of the laboratory{f': {ranges.source}' if ranges.source else ''}.")
    else:
        parts.append("No reference ranges were given.")
    return " ".join(parts)


def _flags(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{markup(line)}</li>" for line in lines)
    return f"<section><h2>Flags</h2><ul>{items}</ul></section>"


def _gallery(case: Case, cells: Iterable[CaseCell], shown: int) -> str:
    """Return the cells of each label, as many as are shown, and the open ones."""
    digests = {cell.id: cell.crop_sha256 for cell in case.index.cells}
    groups: dict[str, list[CaseCell]] = {label: [] for label in case.labels}
    still_open = []
    for cell in cells:
        if cell.open:
            still_open.append(cell)
        elif cell.label:
            groups.setdefault(cell.label, []).append(cell)
    parts = [_group("Open", still_open, shown, digests)]
    parts += [
        _group(_capital(title(label)), found, shown, digests) for label, found in groups.items() if label != NOT_A_CELL
    ]
    rows = "".join(parts)
    if not rows or not shown:
        return ""
    note = "A frame marks cells that a person gave another type than the software."
    return f'<section><h2>Cells</h2><p class="note">{note}</p><div class="gallery">{rows}</div></section>'


def _group(name: str, cells: Sequence[CaseCell], shown: int, digests: Mapping[int, str]) -> str:
    images = "".join(filter(None, (_image(cell, digests.get(cell.id, "")) for cell in cells[:shown])))
    if not images:
        return ""
    count = f"{len(cells)}" if len(cells) <= shown else f"{shown} of {len(cells)}"
    return f'<div class="group"><h3>{markup(name)} <span>{count}</span></h3><div>{images}</div></div>'


def _image(cell: CaseCell, digest: str) -> str:
    """Return the image of a cell, reduced; empty if there is none or it cannot be read.

    Raises:
        UserError: it is not the file with this SHA-256.
    """
    if cell.crop is None:
        return ""
    try:
        content = cell.crop.read_bytes()
    except OSError:
        return ""
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{cell.crop}: was altered: run `edgewbc verify {cell.crop.parents[1]}`")
    data = np.frombuffer(content, dtype=np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        return ""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        return ""
    changed = ' class="changed"' if cell.changed else ""
    words = f"cell {cell.order}, {cell.label or 'open'}"
    encoded = base64.b64encode(jpeg.tobytes()).decode()
    return f'<img{changed} src="data:image/jpeg;base64,{encoded}" alt="{markup(words)}" width="{SIDE}" height="{SIDE}">'


def _changes(case: Case, cells: Sequence[CaseCell]) -> str:
    """Return what people changed: how often, and the first cells."""
    decided = [cell for cell in cells if cell.decided]
    changed = [cell for cell in decided if cell.changed]
    if not decided:
        return "<section><h2>Review</h2><p>No person has decided on a cell yet.</p></section>"
    rows = [
        [
            str(cell.order),
            markup(title(cell.machine)) or "-",
            markup(title(cell.decided)),
            markup(cell.who),
            _time(cell.at),
            markup(cell.why) or "-",
        ]
        for cell in changed[:CHANGES]
    ]
    table = _list(("Cell", "Software", "Person", "Who", "When", "Why"), rows) if rows else ""
    more = len(changed) - CHANGES
    others = text.count(more, "more is", "more are")
    rest = f'<p class="note">{others} in the journal of the case.</p>' if more > 0 else ""
    untouched = sum(1 for cell in cells if cell.label and not cell.decided)
    summary = (
        f"A person decided on {text.count(len(decided), 'cell')} and gave {len(changed)} of them another type than the "
        "software."
    )
    if untouched:
        summary += f" {text.count(untouched, 'cell counts', 'cells count')} as the software labeled them."
    return f"<section><h2>Review</h2><p>{summary}</p>{table}{rest}</section>"


def _signatures(case: Case) -> str:
    """Return who signed which version; a line to sign by hand for a draft."""
    rows = [
        [str(number), markup(each.who), _time(each.at), f"<code>{markup(each.hash[:16])}</code>"]
        for number, each in enumerate(case.sign_offs, 1)
    ]
    if not rows:
        return "<section><h2>Signature</h2><p>Nobody has signed: this is a draft, and no result.</p></section>"
    table = _list(("Version", "Signed by", "At", "Hash (begin)"), rows)
    draft = "" if case.signed else "<p>The correction is not signed: this page is a draft.</p>"
    return f"<section><h2>Signatures</h2>{table}{draft}</section>"


def _list(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts; on a narrow screen each row is a list of its cells with their names."""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row" data-name="{names[0]}">{row[0]}</th>'
        + "".join(f'<td data-name="{name}">{value}</td>' for name, value in zip(names[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<table class="changes"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _made_with(case: Case) -> str:
    info = case.info
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    lines = [
        f"Bundle {info.bundle} ({info.precision}), SHA-256 {info.bundle_sha256}; model {info.model_sha256}.",
        f"Microscope profile: {info.profile_sha256 or 'that of the training images'}.",
        f"Counted with {versions}; page by edgewbc {__version__}.",
    ]
    return "".join(f"<p>{markup(line)}</p>" for line in lines)


def _paragraphs(lines: Iterable[str], kind: str) -> str:
    """Return paragraphs; what is between backticks is a command."""
    found = (re.sub("`([^`]+)`", r"<code>\1</code>", markup(line)) for line in lines if line)
    return "".join(f'<p class="{kind}">{line}</p>' for line in found)


def _sentence(line: str) -> str:
    return f"{_capital(line)}." if line else ""


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _time(at: str) -> str:
    """Return a time of the journal as people read it, in UTC."""
    return markup(at.replace("T", " ").removesuffix("Z") + " UTC") if at else "-"
