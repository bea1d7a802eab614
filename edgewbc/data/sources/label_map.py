"""Rename and merge the labels of a data source: `Seg=neutrophil,Band=neutrophil`, or the same in a YAML file."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edgewbc.data.sources.scan import Cell, SourceCells, normalize_label, not_selected
from edgewbc.errors import UserError
from edgewbc.utils.optional import need

USAGE: Final = "write it as 'Seg=neutrophil,Band=neutrophil,Smudge=', or name a YAML file"


@dataclass(frozen=True)
class LabelMap:
    """Classes by label.

    Attributes:
        classes: class for each label, both normalized (see `scan.normalize_label`); an empty class leaves cells of the
            label out. Labels that are not in it keep their name.
        names: each class as it was written, by its normalized name.
    """

    classes: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> LabelMap:
        """Read the value of `--map`: pairs separated by commas, or the name of a YAML file.

        In the file, a key is a label and its value the class, or a key is the class and its value a list of labels.
        The class of a label that is to be left out is empty.

        Raises:
            UserError: it is malformed, the file cannot be read, or a label occurs twice.
        """
        pairs = _inline(text) if "=" in text else _from_file(Path(text))
        found: dict[str, str] = {}
        names: dict[str, str] = {}
        for label, name in pairs:
            key, value = normalize_label(label), normalize_label(name)
            if not key:
                raise UserError(f"--map {text}: a label is empty: {USAGE}")
            names.setdefault(value, name)
            if found.setdefault(key, value) != value:
                raise UserError(f"--map {text}: {label!r} is mapped twice")
        if not found:
            raise UserError(f"--map {text}: maps no label: {USAGE}")
        return cls(found, names)

    def apply(self, found: SourceCells) -> SourceCells:
        """Return the cells with their classes; those of a label with an empty class are counted in `left_out`.

        Raises:
            UserError: no cell has a label of the map, which is then a typing error.
        """
        labels = {cell.label for cell in found.cells}
        for label in self.classes:
            if label not in labels:
                close = difflib.get_close_matches(label, labels, n=1)
                meant = f"did you mean {close[0]!r}?" if close else f"the labels are {', '.join(sorted(labels))}"
                raise UserError(f"--map: no cell has the label {label!r}; {meant}")
        left_out = Counter(found.left_out)
        cells = []
        for cell in found.cells:
            label = self.classes.get(cell.label, cell.label)
            if label:
                cells.append(replace(cell, label=label, name=self.names.get(label, cell.name)))
            else:
                left_out[f"label {cell.label} is mapped to nothing"] += 1
        return replace(found, cells=cells, left_out=left_out)


def select(found: SourceCells, classes: Sequence[str]) -> SourceCells:
    """Return the cells of these classes; others are counted in `left_out`.

    Raises:
        UserError: a class has no cell.
    """
    labels = {cell.label for cell in found.cells}
    for name in classes:
        if name not in labels:
            raise UserError(f"no cell of class {name!r} in --classes; found {', '.join(sorted(labels))}")
    left_out = Counter(found.left_out)
    cells: list[Cell] = []
    for cell in found.cells:
        if cell.label in classes:
            cells.append(cell)
        else:
            left_out[not_selected(cell.label)] += 1
    return replace(found, cells=cells, left_out=left_out)


def _inline(text: str) -> list[tuple[str, str]]:
    pairs = []
    for pair in text.split(","):
        label, equals, name = pair.partition("=")
        if not equals:
            raise UserError(f"--map {text}: {pair!r} has no '=': {USAGE}")
        pairs.append((label, name))
    return pairs


def _from_file(path: Path) -> list[tuple[str, str]]:
    yaml = need("yaml", "--map with a YAML file")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - strings alone, no objects
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--map {path}: cannot be read ({error}): {USAGE}") from None
    except yaml.YAMLError as error:
        raise UserError(f"--map {path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"--map {path}: must be a mapping such as `Seg: neutrophil`, or `neutrophil: [Seg, Band]`")
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, list) and all(isinstance(label, str) for label in value):
            pairs += [(label, str(key)) for label in value]
        elif isinstance(value, str):
            pairs.append((str(key), "" if value in ("null", "~") else value))
        else:
            raise UserError(f"--map {path}: {key}: must be a class, or a list of labels")
    return pairs
