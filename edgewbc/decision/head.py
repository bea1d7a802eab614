"""The head of a network as plain arrays: the dense layers between its features and its probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Head:
    """Dense layers, with a ReLU between two of them.

    Attributes:
        layers: weights (out, in) and biases (out,) of each layer, float32, from the features to the logits.
    """

    layers: tuple[tuple[Array, Array], ...]

    def __post_init__(self) -> None:
        sizes = [weights.shape for weights, _ in self.layers]
        if not sizes or any(len(size) != 2 for size in sizes):
            raise ValueError("a head has one dense layer or more")
        for (weights, bias), after in zip(self.layers, [*sizes[1:], None], strict=True):
            if bias.shape != weights.shape[:1] or (after is not None and after[1] != weights.shape[0]):
                raise ValueError("the layers of the head do not fit together")
            if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
                raise ValueError("the head has a weight that is not a number")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> Head:
        """Read the arrays of `head.npz`: w0, b0, w1, b1, ...

        Raises:
            ValueError: they are not the layers of a head.
        """
        count = len(arrays) // 2
        if not count or set(arrays) != {f"{kind}{number}" for kind in "wb" for number in range(count)}:
            raise ValueError(f"arrays {', '.join(sorted(arrays)[:6]) or 'none'}; expected w0, b0, w1, b1, ...")
        single = {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
        return cls(tuple((single[f"w{number}"], single[f"b{number}"]) for number in range(count)))

    def arrays(self) -> dict[str, Array]:
        """Return the arrays as `head.npz` holds them."""
        return {
            f"{kind}{number}": array
            for number, layer in enumerate(self.layers)
            for kind, array in zip("wb", layer, strict=True)
        }

    @property
    def features(self) -> int:
        """Number of features that it takes."""
        return int(self.layers[0][0].shape[1])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.layers[-1][0].shape[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Outputs of the layers before the last."""
        return tuple(int(weights.shape[0]) for weights, _ in self.layers[:-1])

    def logits(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the logits (..., K) of features (..., d)."""
        values = np.asarray(features, dtype=np.float64)
        for number, (weights, bias) in enumerate(self.layers):
            values = (np.maximum(values, 0) if number else values) @ weights.T.astype(np.float64) + bias
        return values

    def probabilities(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probabilities (..., K) of features (..., d)."""
        return softmax(self.logits(features))

    def scaled(self, factor: float) -> Head:
        """Return the head whose logits are those of this one times a factor."""
        if factor == 1:
            return self
        weights, bias = self.layers[-1]
        single = np.float32(factor)
        return Head((*self.layers[:-1], (weights * single, bias * single)))

    def plus(self, weights: NDArray[np.floating], bias: NDArray[np.floating]) -> Head:
        """Return the head whose logits are those of this one plus a linear function of the features.

        Hidden layers pass the features on beside their own outputs. That takes features that are not negative, as the
        mean of a map after a ReLU is.

        Args:
            weights: (K, d).
            bias: (K,).
        """
        added = np.asarray(weights, dtype=np.float64)
        last, offset = self.layers[-1]
        offset = (offset + np.asarray(bias, dtype=np.float64)).astype(np.float32)
        if len(self.layers) == 1:
            return Head((((last + added).astype(np.float32), offset),))
        layers: list[tuple[Array, Array]] = []
        identity, none = np.eye(self.features, dtype=np.float32), np.zeros(self.features, np.float32)
        for number, (w, b) in enumerate(self.layers[:-1]):
            wide = np.concatenate([w, identity]) if number == 0 else _block(w, identity)
            layers.append((wide, np.concatenate([b, none])))
        layers.append((np.concatenate([last, added.astype(np.float32)], axis=1), offset))
        return Head(tuple(layers))


def _block(first: Array, second: Array) -> Array:
    """Return two matrices on the diagonal of one."""
    found = np.zeros((first.shape[0] + second.shape[0], first.shape[1] + second.shape[1]), np.float32)
    found[: first.shape[0], : first.shape[1]] = first
    found[first.shape[0] :, first.shape[1] :] = second
    return found


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (..., K) of logits (..., K)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return found


def sizes(classes: int, features: int, widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of a head, by its name in `head.npz`."""
    ends = [features, *widths, classes]
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (into, out) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        shapes |= {f"w{number}": (out, into), f"b{number}": (out,)}
    return shapes
