"""A result of `bench` as one page that stands alone: `python -m edgewbc.report.page RESULT.json report.html`.

Nothing is fetched and nothing runs: charts are SVG and pictures are JPEG inside of the file. It can be read on a phone,
printed, and in black and white. The same result gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgewbc.bench.result import BenchResult
from edgewbc.cells import REFERENCE_ACCURACY
from edgewbc.data.manifest import SYNTHETIC, Manifest
from edgewbc.errors import exit_code
from edgewbc.report import page_answers, page_head, page_rows, page_speed, thumbnails
from edgewbc.utils.files import write_text
from edgewbc.utils.optional import need

TEMPLATE: Final = "page.html.j2"
INSTALL: Final = "pip install jinja2"
"""A small package: a lab's PC needs no more of the training side for this."""


def ready() -> None:
    """Look that a page can be made, before anything is measured for it.

    Raises:
        UserError: jinja2 is not installed.
    """
    need("jinja2", "a report", INSTALL)


def write(result: BenchResult, path: Path, manifest: Manifest | None = None) -> None:
    """Write the page of a result.

    Args:
        result: what `bench --out` writes.
        path: of the page.
        manifest: with the pictures, for those of the mistakes; without it they are named only.

    Raises:
        UserError: jinja2 is not installed, or the manifest is not that of the result.
    """
    found = page_answers.main_row(result.rows)
    pictures = None
    if manifest is not None and found is not None:
        pictures = thumbnails.of_mistakes(result.data, found[1].worst, manifest)
    write_text(path, html(result, pictures))


def html(result: BenchResult, pictures: Sequence[bytes | None] | None = None) -> str:
    """The page of a result.

    Args:
        result: what `bench --out` writes.
        pictures: a JPEG for each of the `worst` of the delivered row, or None where there is none.

    Raises:
        UserError: jinja2 is not installed.
    """
    ready()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["svg"] = Markup  # our own drawings, in which every name is escaped
    return environment.get_template(TEMPLATE).render(view(result, pictures))


def view(result: BenchResult, pictures: Sequence[bytes | None] | None = None) -> dict[str, Any]:
    """What the template shows, by name. What was not measured is None or empty."""
    rows = result.rows
    done = page_rows.measured(rows)
    answered = page_answers.main_row(rows)
    real = result.data.source != SYNTHETIC
    return {
        "title": page_head.title(result),
        "lead": page_head.lead(result),
        "warnings": page_head.warnings(result),
        "facts": page_head.facts(result),
        "reference": page_head.reference(result),
        "overview": page_rows.overview(rows),
        "front": page_speed.front(rows, REFERENCE_ACCURACY if real else None),
        "on_front": page_speed.on_front(rows),
        "throughput": page_speed.throughput(rows) if done else None,
        "latency": page_speed.latency(rows) if done else None,
        "roofline": page_speed.roofline(rows, result.peaks),
        "details": page_speed.details(rows),
        "problems": page_head.problems(result),
        "answers": page_answers.summary(rows),
        "answered": answered[0] if answered else None,
        "matrices": page_answers.matrices(rows),
        "recalls": page_answers.recalls(answered[1]) if answered else None,
        "by_class": page_answers.by_class(rows),
        "reliability": page_answers.reliability(answered[1]) if answered else None,
        "mistakes": page_answers.mistakes(answered[1], pictures) if answered else [],
        "wrong": answered[1].n - answered[1].correct if answered else 0,
        "commands": page_head.commands(result),
        "limits": page_head.LIMITS,
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit codes as everywhere: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m edgewbc.report.page", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", type=Path, help="what `edgewbc bench --out` wrote")
    parser.add_argument("page", type=Path, help="the HTML file to write")
    parser.add_argument("--data", type=Path, help="the manifest that was answered: for pictures of the mistakes")
    options = parser.parse_args(arguments)

    def step() -> None:
        result = BenchResult.read(options.result)
        write(result, options.page, None if options.data is None else Manifest.read(options.data))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
