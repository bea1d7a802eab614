"""A benchmark result as one HTML page: `python -m edgewbc.report.page RESULT.json report.html`.

The page stands alone: charts are SVG and images are JPEG inside the file; nothing is fetched and no script runs. It can
be read on a phone, in print, and in black and white. The same result gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgewbc.bench.result import BenchResult
from edgewbc.cells import REFERENCE_ACCURACY
from edgewbc.data.manifest import Manifest
from edgewbc.errors import exit_code
from edgewbc.report import page_charts, page_predictions, page_tables, page_text, terminal, thumbnails
from edgewbc.utils.files import write_text
from edgewbc.utils.optional import REPORT, need

TEMPLATE: Final = "page.html.j2"


def ready() -> None:
    """Check that a page can be made, before hours of measuring.

    Raises:
        UserError: jinja2 or matplotlib is not installed.
    """
    for module in ("jinja2", "matplotlib"):
        need(module, "a report", REPORT)


def write(result: BenchResult, path: Path, manifest: Manifest | None = None) -> None:
    """Write the page of a result.

    Args:
        result: what `bench` measured.
        path: of the page.
        manifest: of the images, for thumbnails of the mistakes; without it only their files are named.

    Raises:
        UserError: jinja2 or matplotlib is not installed, or the manifest is not that of the result.
    """
    ready()
    found = page_predictions.main_row(result.rows)
    images = None
    if manifest is not None and found is not None:
        images = thumbnails.of_mistakes(result.data, found[2].worst, manifest)
    write_text(path, html(result, images))


def html(result: BenchResult, images: Sequence[bytes | None] | None = None) -> str:
    """Return the page of a result.

    Args:
        result: what `bench` measured.
        images: a JPEG for each of the `worst` mistakes of the delivered row, or None where there is none.

    Raises:
        UserError: jinja2 or matplotlib is not installed.
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
    environment.filters["svg"] = Markup  # from matplotlib and style.svg, which escape every text
    return environment.get_template(TEMPLATE).render(view(result, images))


def view(result: BenchResult, images: Sequence[bytes | None] | None = None) -> dict[str, Any]:
    """Return the template's variables by name. What was not measured is None or empty."""
    rows = result.rows
    scored = page_predictions.main_row(rows)
    scores = scored[2] if scored else None
    return {
        "title": page_text.title(result),
        "lead": page_text.lead(result),
        "warnings": page_text.warnings(result),
        "facts": page_text.facts(result),
        "reference": page_text.reference(result),
        "overview": page_tables.overview(rows),
        "front": page_charts.front(rows, REFERENCE_ACCURACY if terminal.has_reference(result) else None),
        "on_front": page_charts.on_front(rows),
        "throughput": page_charts.throughput(rows) if result.measured else None,
        "latency": page_charts.latency(rows) if result.measured else None,
        "peak_share": page_charts.peak_share(rows, result.peaks),
        "details": page_tables.details(rows),
        "problems": page_text.problems(result),
        "predictions": page_tables.predictions(rows),
        "scored": scored[0] if scored else None,
        "matrices": page_predictions.matrices(rows),
        "recalls": page_charts.recalls(scores) if scores else None,
        "by_class": page_tables.by_class(rows, scores.classes) if scores else None,
        "reliability": page_predictions.reliability(scores) if scores else None,
        "mistakes": page_predictions.mistakes(scores, images) if scores else [],
        "wrong": scores.n - scores.correct if scores else 0,
        "commands": page_text.commands(result),
        "limits": page_text.LIMITS,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit code 0 on success, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m edgewbc.report.page", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", type=Path, help="file that `edgewbc bench --out` wrote")
    parser.add_argument("page", type=Path, help="HTML file to write")
    parser.add_argument("--data", type=Path, help="manifest of the result, for images of the mistakes")
    options = parser.parse_args(arguments)

    def step() -> None:
        result = BenchResult.read(options.result)
        write(result, options.page, None if options.data is None else Manifest.read(options.data))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
