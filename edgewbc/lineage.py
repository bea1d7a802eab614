"""How a network was made, step by step: the content of a run's `lineage.json`, and of `lineage` in a bundle.

A step writes what it knows, so the entries differ between steps; those that other parts read are attributes here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from edgewbc.utils.json_values import take

SHA256 = "sha256"
"""Entry with the hash of the others, which protects the file."""
FILES = "files"
"""Entry with the hashes of the run's other files."""


@dataclass(frozen=True)
class Kept:
    """What pruning kept of the network that was trained first, each a share from 0 to 1."""

    macs: float = 1.0
    parameters: float = 1.0


@dataclass(frozen=True)
class Lineage:
    """How a network was made.

    Attributes:
        values: every entry, as JSON values; empty for a folder without `lineage.json`.
    """

    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def step(self) -> str | None:
        """The last step, such as "train"."""
        return self.values.get("step")

    @property
    def run(self) -> str | None:
        """Name of the run folder; only of an ancestor."""
        return self.values.get("run")

    @property
    def model_sha256(self) -> str | None:
        """Hash of the weights that the step ended with."""
        return self.values.get("model_sha256")

    @property
    def manifest_sha256(self) -> str | None:
        """Hash of the manifest that the step used."""
        return self.values.get("manifest_sha256")

    @property
    def protocol(self) -> str | None:
        """Split protocol of that manifest."""
        return self.values.get("protocol")

    @property
    def source(self) -> str | None:
        """Source of that manifest's images."""
        return self.values.get("source")

    @property
    def finished(self) -> str | None:
        """When the step ended (UTC)."""
        return self.values.get("finished")

    @property
    def ancestors(self) -> tuple[Lineage, ...]:
        """The steps before, the first one first; they have no ancestors of their own."""
        return tuple(Lineage(each) for each in self.values.get("ancestors") or ())

    @property
    def steps(self) -> tuple[Lineage, ...]:
        """All steps, the first one first; none where nothing is recorded."""
        return (*self.ancestors, self) if self.step else ()

    @property
    def first(self) -> Lineage:
        """The first step: the training."""
        return next(iter(self.ancestors), self)

    @property
    def kept(self) -> Kept:
        """What pruning kept; all of it, where there was none."""
        return take(Kept, self.values.get("kept") or {})

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of the step, as its file has it."""
        return dict(self.values.get("recipe") or {})

    @property
    def validation(self) -> Mapping[str, Any]:
        """The epoch whose weights were kept (`train.history.EpochResult`, as JSON values); empty without training."""
        return dict(self.values.get("validation") or {})

    @property
    def files(self) -> Mapping[str, str]:
        """Hashes of the run's other files, by name."""
        return dict(self.values.get(FILES) or {})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all entries but `SHA256`, which holds it."""
        rest = {name: value for name, value in self.values.items() if name != SHA256}
        return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()

    @property
    def intact(self) -> bool:
        """Whether no entry was changed since the file was written. (Runs of earlier versions hold no hash.)"""
        return SHA256 not in self.values or self.values[SHA256] == self.digest

    def without_hashes(self) -> Lineage:
        """Return it without the hashes that protect the run folder: how the network was made."""
        return Lineage({name: value for name, value in self.values.items() if name not in (FILES, SHA256)})

    def everywhere(self, key: str) -> Iterator[Any]:
        """Yield the values of a key at any depth: those of ancestors and teachers too."""
        return _values(self.values, key)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return dict(self.values)


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)
