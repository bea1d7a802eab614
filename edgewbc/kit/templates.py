"""Fill in the templates of `export/kits/`: a kit's launchers and its guide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.utils import resources

FOLDER = "export/kits"
_PLACE = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def read(name: str) -> str:
    """Return the text of a template.

    Raises:
        UserError: it is missing from this installation.
    """
    path = resources.folder(FOLDER) / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): reinstall edgewbc") from None


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder `@NAME@` by its value.

    Raises:
        KeyError: a placeholder has no value.
    """
    return _PLACE.sub(lambda place: values[place[1]], text)


def write(template: str, to: Path, values: Mapping[str, str]) -> None:
    """Fill in a template and write it in the form that its system needs.

    A batch file gets CRLF, without which cmd.exe misses labels, and must be ASCII, since it is read before
    the code page is set. A shell script gets line feeds and the executable bit.

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
