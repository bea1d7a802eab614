"""The kit's launchers and its guide, filled in from `export/kits/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.utils import resources

FOLDER = "export/kits"
_PLACE = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def read(name: str) -> str:
    """A template's text.

    Raises:
        UserError: it did not come with this installation.
    """
    path = resources.folder(FOLDER) / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): install edgewbc anew") from None


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `@NAME@`.

    Raises:
        KeyError: a place has no value.
    """
    return _PLACE.sub(lambda place: values[place[1]], text)


def write(template: str, to: Path, values: Mapping[str, str]) -> None:
    """Fill in a template and write it as its system wants it.

    A batch file gets CRLF (cmd.exe loses its labels without) and must be ASCII (it is read before the code page is
    set); a shell script gets line feeds and the executable bit.

    Raises:
        ValueError: a batch file would not be ASCII.
    """
    text = fill(read(template), values)
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.suffix == ".bat":
        to.write_bytes(text.replace("\n", "\r\n").encode("ascii"))
        return
    to.write_bytes(text.encode("utf-8"))
    if to.suffix == ".sh":
        to.chmod(0o755)
