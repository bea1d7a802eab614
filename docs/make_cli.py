"""Write docs/cli.md from the help text of every command: `python docs/make_cli.py [--check]`.

The width is fixed and no terminal is consulted, so the same commands give the same file on every machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from edgewbc.cli.main import app

WIDTH = 100
PAGE = Path(__file__).with_name("cli.md")
INTRODUCTION = """\
# Command reference

This page is generated from `--help` by `python docs/make_cli.py`; a test checks that it is current.

All commands write results to stdout and messages to stderr. With `--json`, stdout contains one JSON object and nothing
else. Exit codes:

| code | meaning |
| ---: | --- |
| 0 | success |
| 1 | a bug, or a run in which no progress was made for a long time |
| 2 | invalid input or usage; one line on stderr says what to do |
| 3 | a gate was not met (accuracy, parity, leak, selftest, regression) |
| 130 | stopped with Ctrl-C |

"""


def sections(command: Any, name: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help text of a command and of all its subcommands, in the order of the help."""
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH
    )
    yield context.command_path, command.get_help(context)
    for child in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from sections(command.get_command(context, child), child, context)


def page() -> str:
    """Return the text of docs/cli.md."""
    parts = []
    for name, text in sections(typer.main.get_command(app), "edgewbc"):
        lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
        parts.append(f"## {name}\n\n```text\n{lines}\n```\n")
    return INTRODUCTION + "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write the page; with --check, return 3 if it is not current and change nothing."""
    parser = argparse.ArgumentParser(prog="python docs/make_cli.py", description="Write docs/cli.md from --help.")
    parser.add_argument("--check", action="store_true", help="exit with 3 if the page is not current; write nothing")
    options = parser.parse_args(arguments)
    text = page()
    if options.check:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            print(f"{PAGE}: is not current: run python docs/make_cli.py", file=sys.stderr)
            return 3
        return 0
    PAGE.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
