"""Reading and writing recipes as YAML. Errors name the file and line, or the `--set` that caused them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgewbc.errors import UserError
from edgewbc.train.recipe import Section

R = TypeVar("R", bound=Section)

Value: TypeAlias = "bool | int | float | str | None | Sequence[Value] | Mapping[str, Value]"
"""A value of a recipe, as YAML has it."""


def read(
    path: Path, kind: type[R], changes: Mapping[str, Value] | None = None, options: Mapping[str, str] | None = None
) -> R:
    """Read a recipe.

    Args:
        path: YAML file.
        kind: class of the recipe.
        changes: values that replace those of the file, by dotted key, such as `{"fit.epochs": 2}`.
        options: the command's option for a key of `changes`, for error messages; `--set` is named for the others.

    Raises:
        UserError: the file cannot be read, or a key or value is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: the recipe cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: the recipe is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    try:
        values = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{path}: {where}not YAML: {getattr(error, 'problem', error)}") from None
    if (repeated := _repeated(tree)) is not None:
        raise UserError(f"{path}: line {repeated.start_mark.line + 1}: {repeated.value}: the key occurs twice")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys to values, such as `name: mine`")
    values = _with_present_names(values, kind)
    changes = {_present_name(dotted, kind): value for dotted, value in (changes or {}).items()}
    for dotted, value in changes.items():
        _override(values, dotted, value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(_message(error, path, tree, kind, list(changes), options or {})) from None


def write(recipe: Section) -> str:
    """Return the complete recipe, defaults included, as YAML."""
    return str(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def parse_changes(pairs: Sequence[str]) -> dict[str, Value]:
    """Parse the values of `--set`: `["fit.epochs=2"]` becomes `{"fit.epochs": 2}`. Values are YAML.

    Raises:
        UserError: a pair has no `=`, or its value is not YAML.
    """
    changes: dict[str, Value] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--set {pair}: write it as key=value, for example --set fit.epochs=2")
        try:
            changes[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--set {pair}: the value is not YAML") from None
    return changes


def _with_present_names(values: Mapping[str, Any], kind: type[Section]) -> dict[str, Any]:
    """Return a section with the present names of its keys and of those of the sections in it."""
    found = {}
    for key, value in values.items():
        name = kind.former_names.get(key, key)
        inner = _section(kind, name)
        found[name] = value if inner is None or not isinstance(value, dict) else _with_present_names(value, inner)
    return found


def _present_name(dotted: str, kind: type[Section]) -> str:
    """Return the present name of a dotted key."""
    key, dot, rest = dotted.partition(".")
    name = kind.former_names.get(key, key)
    inner = _section(kind, name)
    return f"{name}{dot}{rest if inner is None else _present_name(rest, inner)}"


def _section(kind: type[Section], name: str) -> type[Section] | None:
    """Return the kind of section that a key holds; None if it holds a value."""
    annotation = kind.model_fields[name].annotation if name in kind.model_fields else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _override(values: dict[str, Any], dotted: str, value: Any) -> None:
    keys = dotted.split(".")
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {dotted}: {key} is a value, not a section")
        values = inner
    values[keys[-1]] = value


def _message(
    error: ValidationError,
    path: Path,
    tree: yaml.Node | None,
    kind: type[BaseModel],
    changed: Sequence[str],
    options: Mapping[str, str],
) -> str:
    """Return one line about the first error: where it comes from, which key, what is wrong."""
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    dotted = ".".join(keys)
    change = next((key for key in changed if dotted == key or dotted.startswith(f"{key}.")), None)
    if change is None and first["type"] == "extra_forbidden" and not _written(tree, keys):  # made by a change in it
        change = next((key for key in changed if key.startswith(f"{dotted}.")), None)
    if change is None and first["type"] == "value_error":  # of a whole section: a change inside it is the likely cause
        change = next((key for key in changed if key.startswith(f"{dotted}.") or not dotted), None)
    where = f"--set {change}" if change is not None else f"{path}: line {_line(tree, keys)}"
    if change is not None and change in options:
        where, dotted = options[change], f"{first['input']}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if where == f"--set {dotted}":
        return f"{where}: {_problem(first, keys, kind)}{more}"
    return f"{where}: {dotted or 'recipe'}: {_problem(first, keys, kind)}{more}"


def _problem(first: ErrorDetails, keys: Sequence[str], kind: type[BaseModel]) -> str:
    if first["type"] != "extra_forbidden":
        return first["msg"].removeprefix("Value error, ")
    section: type[BaseModel] = kind
    for key in keys[:-1]:
        field = section.model_fields.get(key)
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return "no such key"
        section = inner
    close = [".".join([*keys[:-1], key]) for key in difflib.get_close_matches(keys[-1], section.model_fields, n=1)]
    if not close:  # the right name, but in another section
        close = [key for key in _keys(kind) if key.rpartition(".")[2] == keys[-1]]
    return f"no such key; did you mean {close[0]}?" if close else f"no such key; use {', '.join(section.model_fields)}"


def _keys(kind: type[BaseModel], before: str = "") -> Iterator[str]:
    """Yield the dotted keys of a recipe."""
    for name, field in kind.model_fields.items():
        yield f"{before}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{before}{name}.")


def _repeated(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """Return the first key that a mapping of a file has twice; None if there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    seen: set[str] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                return key
            seen.add(key.value)
        if (found := _repeated(value)) is not None:
            return found
    return None


def _written(node: yaml.Node | None, keys: Sequence[str]) -> bool:
    """Return whether a file itself has a key."""
    for name in keys:
        if not isinstance(node, yaml.MappingNode):
            return False
        node = next((value for key, value in node.value if key.value == name), None)
        if node is None:
            return False
    return True


def _line(node: yaml.Node | None, keys: Sequence[str]) -> int:
    """Return the line (from 1) of the deepest key of a path that is in the file."""
    line = 1
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        pair = next(((k, v) for k, v in node.value if k.value == key), None)
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line
