"""The data card of a manifest as a page: numbers, warnings and a contact sheet of each class.

The page stands alone: images are inside the file, nothing is fetched and no script runs.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from edgewbc.data import card, images
from edgewbc.data.card import DataCard
from edgewbc.data.manifest import Entry
from edgewbc.errors import UserError
from edgewbc.report.thumbnails import crop, jpeg
from edgewbc.utils.files import numbered, occupied, whole_folder, write_json, write_text
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markup

ROOT: Final = Path("data-cards")
PAGE: Final = "card.html"
FACTS: Final = "card.json"

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1a1a1a;--muted:#555;--line:#c8c8c8;--paper:#fff;--warn:#8a4b00}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--muted:#b0b0b0;--line:#4a4a4a;--paper:#161616;--warn:#f0b35a}}
*{box-sizing:border-box}
body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
body{margin:0 auto;padding:1rem;max-width:72rem}
h1{font-size:1.5rem;margin:.2rem 0 .6rem}h2{font-size:1.1rem;margin:1.6rem 0 .5rem;overflow-wrap:anywhere}
p,li{max-width:46rem}.warn{border-left:4px solid var(--warn);padding:.1rem 0 .1rem .8rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;overflow-wrap:break-word;max-width:24rem}
thead th{font-weight:600;border-bottom:2px solid var(--line)}tr.sum td{font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
@media(max-width:32rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
.cells{display:grid;grid-template-columns:repeat(auto-fill,minmax(84px,1fr));gap:6px}
.cells img{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:#8882}
small{color:var(--muted);font-weight:400}
@media print{:root{--ink:#000;--muted:#333;--paper:#fff}.cells{grid-template-columns:repeat(12,1fr)}}
@media print{h2{break-after:avoid}.cells{break-inside:avoid}}
"""


def folder(to: Path | None, name: str) -> Path:
    """Return the folder to write: `to`, which must not exist, else data-cards/<name>, <name>-2, <name>-3, ...

    Raises:
        UserError: `to` is a file, or a folder that is not empty.
    """
    if to is None:
        return next(path for path in numbered(ROOT / name) if not path.exists())
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    return to


def write(described: DataCard, to: Path, title: str, progress: Progress = quiet) -> None:
    """Write `card.html` and `card.json` into a new folder: both or none.

    Raises:
        UserError: the folder is not empty, or an image cannot be decoded or has changed.
    """
    manifest = described.manifest
    chosen = card.sample(manifest)
    flat = [entry for entries in chosen.values() for entry in entries]
    thumbnails = {
        entry: jpeg(crop(images.read(manifest, entry), entry)) for entry in progress(flat, "cells", len(flat))
    }
    with whole_folder(to) as made:
        write_text(made / PAGE, html(described, title, chosen, thumbnails))
        write_json(made / FACTS, described.to_json())


def html(
    described: DataCard, title: str, chosen: Mapping[str, Sequence[Entry]], thumbnails: Mapping[Entry, bytes]
) -> str:
    """Return the page; `thumbnails` has a JPEG for each of the `chosen` cells."""
    warnings = "".join(f"<li>{escape(line)}</li>" for line in described.warnings())
    notes = f'<ul class="warn">{warnings}</ul>' if warnings else ""
    sections = "\n".join(
        f"<h2>{escape(name)} <small>{len(entries)} of {_total(described, name):,} cells</small></h2>\n"
        f'<div class="cells">{_figures(entries, thumbnails)}</div>'
        for name, entries in chosen.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Data card: {escape(title)}</title><style>{STYLE}</style></head><body>\n"
        f"<h1>Data card: {escape(title)}</h1>\n{_facts(described)}\n{notes}\n<h2>Cells and groups</h2>\n"
        f'<div class="scroll">{_counts(described)}</div>\n'
        f"<p>Cells drawn at random, from different groups where possible:</p>\n{sections}\n</body></html>\n"
    )


def text(described: DataCard) -> str:
    """Return the facts and the warnings as lines for the terminal."""
    lines = [f"{name}: {value}" for name, value in _pairs(described)]
    return "\n".join([*lines, *(f"NOTE: {line}" for line in described.warnings())])


def _pairs(described: DataCard) -> list[tuple[str, str]]:
    manifest, source = described.manifest, described.manifest.provenance
    formats = ", ".join(f"{count} {name}" for name, count in described.formats.items())
    pairs = [
        ("cells", f"{len(manifest.entries):,} of {len(manifest.classes)} classes"),
        ("images", f"{described.images:,} ({formats}), {described.bytes / 1e6:,.1f} MB"),
        ("image size", f"{described.sizes} pixels"),
        ("groups", ", ".join(f"{count:,} in {side}" for side, count in described.groups.items())),
        ("largest group", f"{described.largest_group[0]}, {described.largest_group[1]:,} cells"),
        ("split", f"{manifest.protocol}" + ("" if source.seed is None else f", seed {source.seed}")),
        ("manifest", f"{manifest.sha256[:16]}"),
    ]
    if described.boxes is not None:
        pairs.insert(3, ("box size", f"{described.boxes} pixels"))
    if source.left_out:
        pairs.append(("left out", "; ".join(f"{count:,} {why}" for why, count in source.left_out.items())))
    pairs += [(name, value) for name, value in (("cite", source.citation), ("license", source.license)) if value]
    return pairs


def _facts(described: DataCard) -> str:
    return "<dl>" + "".join(f"<dt>{n}</dt><dd>{escape(v)}</dd>" for n, v in _pairs(described)) + "</dl>"


def _counts(described: DataCard) -> str:
    counts = described.manifest.counts()
    head = "".join(f"<th>{escape(name)}</th>" for name in ("class", *counts, "all", "groups"))
    rows = []
    for name in described.manifest.classes:
        values = [counts[side][name] for side in counts]
        cells = (*values, sum(values), described.class_groups[name])
        rows.append(f"<tr><td>{escape(name)}</td>{''.join(f'<td>{n:,}</td>' for n in cells)}</tr>")
    sums = [sum(counts[side].values()) for side in counts]
    groups = len({entry.group for entry in described.manifest.entries})
    rows.append(f'<tr class="sum"><td>all</td>{"".join(f"<td>{n:,}</td>" for n in (*sums, sum(sums), groups))}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _figures(entries: Sequence[Entry], thumbnails: Mapping[Entry, bytes]) -> str:
    return "".join(
        f'<img src="data:image/jpeg;base64,{base64.b64encode(thumbnails[entry]).decode()}" '
        f'alt="{markup(entry.path)}" title="{markup(f"{entry.path}, {entry.split}")}">'
        for entry in entries
    )


def _total(described: DataCard, name: str) -> int:
    return sum(entry.label == name for entry in described.manifest.entries)
