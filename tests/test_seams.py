"""What passes between rooms has a type: no dictionary of anything crosses a wall, save the ones named here.

A dictionary of unknown values (`dict[str, Any]`, `Mapping[str, object]`, a bare `dict`) says nothing of its keys, and a
misspelled one is only found when it runs. Inside a room it may be JSON on its way to a file; between rooms there are
frozen dataclasses, with `to_json` and `from_json` where they are written.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]

SERIALIZERS = frozenset({"to_json", "from_json", "to_dict", "from_dict"})
"""Names of the methods that turn a dataclass into JSON values and back: their dictionaries are the file's."""

MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})

ALLOWED = {
    "edgewbc.interop.fiftyone.labels": "a file of another program, which `cases` writes as JSON",
    "edgewbc.interop.fiftyone.predictions": "a file of another program, which `cases` writes as JSON",
    "edgewbc.interop.label_studio.tasks": "a file of another program, which `cases` writes as JSON",
    "edgewbc.lab.classify.LoadedBundle.settings": "compared with what a journal of any version holds, as JSON",
    "edgewbc.lineage.Lineage.recipe": "a recipe of any step and version, which is listed and not used",
    "edgewbc.lineage.Lineage.validation": "an epoch's result of any version, which `train` and `report` read",
    "edgewbc.utils.json_values.take": "turns JSON values into a dataclass",
    "edgewbc.utils.json_values.values_of": "turns a dataclass into JSON values",
}
"""The dictionaries that cross a wall, and why each stays one. Type a new one instead of naming it here."""


@dataclass(frozen=True)
class Untyped:
    """A function, method or attribute with an untyped dictionary in its signature.

    Attributes:
        room: where it is defined.
        module: dotted name.
        name: of the function, or `Class.member`.
        field: whether it is an attribute, which is read and not called.
    """

    room: str
    module: str
    name: str
    field: bool = False

    @property
    def key(self) -> str:
        """How `ALLOWED` names it."""
        return f"{self.module}.{self.name}"


def untyped(annotation: ast.expr) -> bool:
    """Return whether an annotation holds a mapping to `Any` or `object`, or a bare mapping, at any depth."""
    subscripted = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in MAPPINGS:
            subscripted.add(node.value)
            last = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
            if isinstance(last, ast.Name) and last.id in ("Any", "object"):
                return True
    names = (node for node in ast.walk(annotation) if isinstance(node, ast.Name))
    return any(node.id in MAPPINGS and node not in subscripted for node in names)


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of every module of the package, by dotted name."""
    paths = sorted((TOP / "edgewbc").rglob("*.py"))
    names = {".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in names.items()}


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def found_untyped(module: str, tree: ast.Module) -> Iterator[Untyped]:
    """Yield the public functions, methods and attributes of a module that have an untyped dictionary."""

    def of(body: list[ast.stmt], prefix: str) -> Iterator[Untyped]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from of(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                public = not node.name.startswith("_") or node.name == "__init__"
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                annotations = [one.annotation for one in arguments] + [node.returns]
                if public and node.name not in SERIALIZERS and any(one and untyped(one) for one in annotations):
                    yield Untyped(room(module), module, prefix + node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                if not name.startswith("_") and untyped(node.annotation):
                    yield Untyped(room(module), module, prefix + name, field=True)

    yield from of(tree.body, "")


@dataclass(frozen=True)
class Uses:
    """What a module takes from others.

    Attributes:
        modules: dotted names of the modules that it imports, or from which it imports a name.
        names: dotted names of what it imports, or reads from a module that it imports.
        read, called: names of the attributes of any other object that it reads, and of the methods that it calls.
    """

    modules: frozenset[str]
    names: frozenset[str]
    read: frozenset[str]
    called: frozenset[str]


def uses(tree: ast.Module) -> Uses:
    """Return what a module takes from others, with imports inside functions."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            bound.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    methods = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    of_modules = {
        f"{bound[node.value.id]}.{node.attr}"
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id in bound
    }
    others = [node for node in attributes if not (isinstance(node.value, ast.Name) and node.value.id == "self")]
    return Uses(
        frozenset(bound.values()) | {name.rpartition(".")[0] for name in bound.values()},
        frozenset(bound.values()) | of_modules,
        frozenset(node.attr for node in others if node not in methods),
        frozenset(node.attr for node in others if node in methods),
    )


@cache
def definitions(room_name: str) -> Counter[str]:
    """How many classes of a room have a member of each name."""
    classes = (
        node
        for module, tree in trees().items()
        if room(module) == room_name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    return Counter(name for one in classes for name in {_member(node) for node in one.body} if name)


def _member(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    return node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ""


def crosses(one: Untyped, taken: Uses) -> bool:
    """Return whether a module of another room uses it.

    A function is used where it is imported, or read from its module. A member is used where its name is read and its
    room is imported; if several classes of the room have such a member, its own module has to be imported.
    """
    owner, _, member = one.name.rpartition(".")
    if not owner or member == "__init__":
        return f"{one.module}.{owner or member}" in taken.names
    if definitions(one.room)[member] > 1:
        imported = one.module in taken.modules
    else:
        imported = any(name == one.room or name.startswith(f"{one.room}.") for name in taken.modules)
    return imported and (member in taken.read or (member in taken.called and not one.field))


def crossing() -> set[str]:
    """Return the keys of the untyped dictionaries that another room uses."""
    taken = {module: uses(tree) for module, tree in trees().items()}
    return {
        one.key
        for module, tree in trees().items()
        for one in found_untyped(module, tree)
        if any(crosses(one, other) for name, other in taken.items() if room(name) != one.room)
    }


def test_no_untyped_dictionary_crosses_a_wall() -> None:
    """What is found is what `ALLOWED` names: no more, and nothing that has a type now."""
    assert crossing() == ALLOWED.keys()
