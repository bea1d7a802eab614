"""Documentation of recipes, made from their schema: a page of all keys, a JSON Schema for editors, and a template."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import annotated_types
from pydantic_core import PydanticUndefined

from edgewbc.train.recipe import Section
from edgewbc.utils.text import markdown

_LIMITS = {
    annotated_types.Ge: ("ge", ">="), annotated_types.Gt: ("gt", ">"),
    annotated_types.Le: ("le", "<="), annotated_types.Lt: ("lt", "<"),
}  # fmt: skip


INTRODUCTION: Final = """\
# Recipe reference

This page is generated from the schema by `python docs/make_recipes.py`; a test checks that it is current.

A recipe is a YAML file; an unknown key or a wrong value is refused with its line. Every key can be set on the command
line: `--set fit.lr=3e-4`.

| command | what it does |
| --- | --- |
| `edgewbc recipe list` | lists the built-in recipes |
| `edgewbc recipe show NAME` | prints a recipe with all its keys, defaults included |
| `edgewbc recipe check FILE` | checks a recipe |
| `edgewbc recipe new --to FILE` | writes a recipe with every key, its default and its meaning, commented out |
| `edgewbc recipe schema` | prints the JSON Schema by which editors complete and check |

[recipe.schema.json](recipe.schema.json) is the schema of `train`; a file that begins with
`# yaml-language-server: $schema=recipe.schema.json` is checked by it in an editor.
"""


@dataclass(frozen=True)
class Key:
    """A key of a recipe.

    Attributes:
        name: dotted, such as `fit.lr`.
        kind: type, choices and limits in words.
        default: as YAML in one line; empty if a value must be given.
        meaning: what it does, with its unit.
    """

    name: str
    kind: str
    default: str
    meaning: str


def keys(section: type[Section], before: str = "") -> Iterator[Key]:
    """Yield the keys of a recipe and of its sections, in order, without the sections themselves."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from keys(inner, f"{before}{name}.")
            continue
        default = "" if field.default is PydanticUndefined else _yaml(field.default)
        limits = " and ".join(_limits(field.metadata))
        kind = _kind(inner) + (f", {limits}" if limits else "")
        kind = next((_of_schema(each.json_schema) for each in field.metadata if hasattr(each, "json_schema")), kind)
        yield Key(f"{before}{name}", kind, default, field.description or "")


def page(kinds: Mapping[str, type[Section]]) -> str:
    """Return the reference page: a table for each kind of recipe; `kinds` are classes by command."""
    parts = [INTRODUCTION]
    for command, kind in kinds.items():
        rows = [
            [f"`{key.name}`", key.kind, f"`{key.default}`" if key.default else "required", key.meaning]
            for key in keys(kind)
        ]
        table = markdown(
            ["key", "type", "default", "meaning"], [[cell.replace("|", "\\|") for cell in row] for row in rows], []
        )
        parts.append(f"## {command}\n\n{table}\n")
    return "\n".join(parts)


def schema(kind: type[Section]) -> str:
    """Return the JSON Schema of a kind of recipe."""
    values = kind.model_json_schema()
    values["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def template(kind: type[Section], name: str) -> str:
    """Return a recipe with every key in its section, commented out with its default and meaning, except the name."""
    lines = [f"# {(kind.__doc__ or '').strip().splitlines()[0]} Uncomment what you change.", f"name: {name}"]
    lines += _template(kind, "")
    return "\n".join(lines) + "\n"


def _template(section: type[Section], indent: str) -> list[str]:
    lines = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            lines += [f"{indent}#{name}:", *_template(inner, indent + "  ")]
        elif name != "name" or indent:
            default = "" if field.default is PydanticUndefined else _yaml(field.default)
            lines.append(f"{indent}#{name}: {default}  # {field.description}")
    return lines


def _kind(annotation: Any) -> str:
    """Return a type in words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        limits = " and ".join(_limits(annotation.__metadata__))
        return _kind(inner[0]) + (f" {limits}" if limits else "")
    if origin is typing.Literal:
        return ", ".join(str(choice) for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("null" if each is type(None) else _kind(each) for each in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(str(choice.value) for choice in annotation)
    return {int: "whole number", float: "number", bool: "true or false", str: "text"}.get(annotation, str(annotation))


def _of_schema(schema: Any) -> str:
    """Return a type in words from its JSON Schema: a whole number from a minimum on, or words."""
    words = [
        str(each["const"]) if "const" in each else f"whole number >= {each['minimum']}" for each in schema["anyOf"]
    ]
    return " or ".join(words)


def _limits(metadata: typing.Iterable[Any]) -> list[str]:
    found = []
    for each in metadata:
        for kind, (attribute, sign) in _LIMITS.items():
            if isinstance(each, kind):
                found.append(f"{sign} {getattr(each, attribute):g}")
        found += _limits(getattr(each, "metadata", ()))
    return found


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Enum):
        return str(value.value)
    return (
        json.dumps(value)
        if isinstance(value, bool | list | tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
