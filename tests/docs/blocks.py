"""Fenced code blocks of Markdown pages, with the directives for tests that stand in comments before them.

A directive applies to the next block, except `workspace`, which applies until the next one of its kind:

    <!-- test: skip because REASON -->        the block is not run
    <!-- test: workspace NAME -->             folder in which the following blocks run; `lab` at the start of a page
    <!-- test: before: COMMAND -->            run first; prepares data that a reader has
    <!-- test: replace "OLD" with "NEW" -->   run a shorter variant; OLD must occur in the block
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
WORKSPACE = "lab"
REASONS = (
    "installs",
    "downloads",
    "hours",
    "Makefile",
    "GPU",
    "real images",
    "again",
    "until Ctrl-C",
    "another PC",
    "locates cells",
    "starts Ray",
)
"""What may stand in the reason for not running a block."""

_FENCE = re.compile(r"^\s*```(\w*)")
_DIRECTIVE = re.compile(r"^\s*<!-- test: (.*) -->$")
_REPLACE = re.compile(r'replace "(.*)" with "(.*)"')


@dataclass
class Block:
    """A fenced block.

    Attributes:
        page: path of the page.
        line: number of its first line of code.
        language: what follows the fence, such as `bash`.
        text: the code.
        workspace: name of the folder in which it runs.
        skip: why it is not run; empty if it is.
        before: commands to run first.
        replace: pairs of what is replaced by what.
    """

    page: Path
    line: int
    language: str
    text: str = ""
    workspace: str = WORKSPACE
    skip: str = ""
    before: list[str] = field(default_factory=list)
    replace: list[tuple[str, str]] = field(default_factory=list)

    def commands(self) -> list[str]:
        """Return the commands to run: without comments, with continued lines joined and replacements applied.

        Raises:
            ValueError: a text to be replaced does not occur in the block.
        """
        text = self.text.replace("\\\n", " ")
        for old, new in self.replace:
            if old not in text:
                raise ValueError(f"{self.page.name}, line {self.line}: nothing to replace: {old}")
            text = text.replace(old, new)
        lines = (re.sub(r"(^|\s+)#\s.*$", "", line) for line in text.splitlines())
        return [*self.before, *(" ".join(line.split()) for line in lines if line.strip())]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order.

    Raises:
        ValueError: a directive is not one of those above.
    """
    workspace, held, inside = WORKSPACE, Block(page, 0, ""), False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence, directive = _FENCE.match(line), _DIRECTIVE.match(line)
        if fence and inside:
            yield held
            held, inside = Block(page, 0, "", workspace=workspace), False
        elif fence:
            held.line, held.language, inside = number + 1, fence[1], True
        elif inside:
            held.text += line.strip() + "\n" if held.language == "bash" else line + "\n"
        elif directive:
            what = directive[1]
            if what.startswith("skip because "):
                held.skip = what.removeprefix("skip because ")
            elif what.startswith("workspace "):
                workspace = held.workspace = what.removeprefix("workspace ")
            elif what.startswith("before: "):
                held.before.append(what.removeprefix("before: "))
            elif found := _REPLACE.fullmatch(what):
                held.replace.append((found[1], found[2]))
            else:
                raise ValueError(f"{page}, line {number}: not a directive for tests: {what}")


def pages() -> list[Path]:
    """Return README.md, CONTRIBUTING.md and the pages that people write in docs/."""
    written = sorted(path for path in (TOP / "docs").glob("*.md") if path.name not in ("cli.md", "results.md"))
    return [TOP / "README.md", TOP / "CONTRIBUTING.md", *written]
