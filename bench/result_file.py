"""Reading the file of results of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from edgewbc.errors import UserError
from edgewbc.utils.files import read_json

T = TypeVar("T")


def read(path: Path, parse: Callable[[Mapping[str, Any]], T]) -> T:
    """Return what `parse`, a result's `from_json`, makes of a JSON file.

    Raises:
        UserError: the file cannot be read, or is not a result of this version.
    """
    try:
        return parse(read_json(path, "a result of a study"))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is not a result of this version of edgewbc: {error!r}") from None
