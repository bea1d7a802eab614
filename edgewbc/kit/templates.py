"""Fill in the templates of `export/kits/`: a kit's launchers and its guide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.utils import resources

FOLDER = "export/kits"
_PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def read(name: str) -> str:
    """Return the text of a template.

    Raises:
        UserError: the template is missing from this installation.
    """
    path = resources.folder(FOLDER) / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): reinstall edgewbc") from None


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder `@NAME@` with its value.

    Raises:
        KeyError: a placeholder has no value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def write(template: str, to: Path, values: Mapping[str, str]) -> None:
    """Fill in a template and write it with the line endings and permissions of its system.

    A batch file is written with CRLF, without which cmd.exe does not find labels, and must be ASCII, since cmd.exe
    reads it before the code page is set. A shell script is written with LF and is executable.

    Raises:
        ValueError: the text of a batch file is not ASCII.
    """
    text = fill(read(template), values)
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.suffix == ".bat":
        to.write_bytes(text.replace("\n", "\r\n").encode("ascii"))
        return
    to.write_bytes(text.encode("utf-8"))
    if to.suffix == ".sh":
        to.chmod(0o755)
