"""Metadata of a model file, read without a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFacts:
    """Metadata of a model file.

    Attributes:
        labels: each list of class names in the file's metadata, by the key that holds it.
        input_size: height and width of its input in pixels; None unless it has one input of (n, height, width, 3).
        operations: types of its operations, such as Convolution.
    """

    labels: Mapping[str, tuple[str, ...]]
    input_size: tuple[int, int] | None
    operations: frozenset[str]
