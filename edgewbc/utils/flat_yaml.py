"""Read settings that a laboratory owns: YAML files that are a flat list of `key: value`, read without PyYAML.

A microscope PC has no PyYAML. What is read here is a strict part of YAML, so any YAML reader gives the same texts:

    # a comment, on a line of its own
    panel: 69738-3
    immature granulocyte.percent: 71695-1
    note: "in double quotes, a JSON string: what begins with a special character, or has a colon"

Everything else (nesting, lists, other quotes, comments after a value) is refused with its line.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.utils.files import read_bytes

MAX_BYTES = 1 << 20
"""Largest file that is read, in bytes."""

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*(?: [A-Za-z0-9_.+/-]+)*")
_SPECIAL = "-?:,[]{}#&*!|>'\"%@`="
"""Characters with which YAML begins something other than plain text."""


def read(path: Path, what: str) -> dict[str, str]:
    """Read a file.

    Args:
        path: of the file.
        what: the expected contents, for the error message.

    Raises:
        UserError: it is missing, too large, or not such a file; the message names the line.
    """
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as {what}: {error}") from None
    try:
        return parse(text)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def parse(text: str) -> dict[str, str]:
    """Return the values by key, in order. Raises ValueError with the line of what cannot be read."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip(" ") or line.lstrip(" ").startswith("#"):
            if not line.replace("\t", "").isprintable():
                raise ValueError(f"line {number}: control characters")
            continue
        key, separator, rest = line.partition(": ")
        if not separator or not _KEY.fullmatch(key):
            raise ValueError(f"line {number}: {line[:60]!r} is not of the form `key: value`, without indentation")
        if key in found:
            raise ValueError(f"line {number}: {key} occurs twice")
        found[key] = _value(rest.strip(" "), number)
    return found


def _value(text: str, number: int) -> str:
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if (
            not isinstance(value, str)
            or not text.isprintable()
            or "\\/" in text
            or re.search(r"\\u[dD][89a-fA-F]", text)
        ):
            raise ValueError(f"line {number}: {text[:60]} is not a text in double quotes")
        return value
    if not text or not text.isprintable() or text[0] in _SPECIAL or ": " in text or " #" in text or text.endswith(":"):
        raise ValueError(f"line {number}: put the value {text[:60]!r} in double quotes")
    return text
