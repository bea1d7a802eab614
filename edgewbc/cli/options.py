"""Options that several commands have, each with its one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ShippedBundle = Annotated[Path | None, typer.Option(help="Bundle, a folder or a zip. [default: the shipped one]")]

SlideBundle = Annotated[
    Path | None,
    typer.Option(help="Bundle, a folder or a zip. [default: a shipped one: for fields, wbc5-travel]"),
]

Precision = Annotated[
    str | None,
    typer.Option(help="int8 or f32, if the bundle has it. [default: what doctor chose, else the bundle's default]"),
]

Cores = Annotated[
    int | None, typer.Option(min=1, help="Number of CPU cores to use. [default: what doctor chose, else all]")
]

InferenceThreads = Annotated[int | None, typer.Option(min=1, help="Inference threads. [default: chosen by OpenVINO]")]

TrustedKeys = Annotated[
    Path | None,
    typer.Option(metavar="KEYS", help="File of public keys whose bundles are trusted. [default: EDGEWBC_TRUSTED_KEYS]"),
]

RequireSignature = Annotated[
    bool, typer.Option("--require-signature", help="Refuse a bundle that no trusted key has signed.")
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def decimal(text: str) -> float:
    """Read a number with a decimal point or a decimal comma, such as 7.2 or 7,2.

    Raises:
        typer.BadParameter: it is something else.
    """
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number such as 7.2 or 7,2") from None
