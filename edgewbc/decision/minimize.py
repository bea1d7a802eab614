"""Minimize a smooth function of many variables, with numpy alone: limited-memory BFGS.

Nocedal 1980, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35:773; the line search
halves the step until it meets the condition of Armijo 1966. Steps without positive curvature leave the memory as it
is, so that the estimate of the Hessian stays positive definite.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Function = Callable[[Vector], tuple[float, Vector]]
"""Returns the value and the gradient at a point (n,)."""

_ARMIJO = 1e-4
_MIN_STEP = 1e-12
_MIN_CURVATURE = 1e-14


@dataclass(frozen=True)
class Minimum:
    """Where a minimization ended.

    Attributes:
        x: the point, (n,).
        value: of the function there.
        slope: largest absolute component of the gradient there.
        iterations: number of steps.
        converged: whether the slope is within the tolerance.
    """

    x: Vector
    value: float
    slope: float
    iterations: int
    converged: bool


def lbfgs(
    function: Function, start: Vector, *, tolerance: float = 1e-5, iterations: int = 300, memory: int = 10
) -> Minimum:
    """Minimize a function.

    Args:
        function: value and gradient; convex, if the minimum is to be a global one.
        start: first point, (n,).
        tolerance: largest component of the gradient at which to stop.
        iterations: largest number of steps.
        memory: number of steps that the estimate of the Hessian is made from.
    """
    x = np.array(start, dtype=np.float64)
    value, gradient = function(x)
    history: deque[tuple[Vector, Vector]] = deque(maxlen=memory)
    iteration = 0
    while iteration < iterations and np.abs(gradient).max(initial=0.0) > tolerance:
        direction = _direction(gradient, history)
        descent = float(gradient @ direction)
        step = 1.0
        new_value, new_gradient = function(x + direction)
        while not new_value <= value + _ARMIJO * step * descent:  # written so that NaN shortens the step too
            step /= 2
            if step < _MIN_STEP:
                return _minimum(x, value, gradient, iteration, tolerance)
            new_value, new_gradient = function(x + step * direction)
        displacement, gradient_change = step * direction, new_gradient - gradient
        if float(displacement @ gradient_change) > _MIN_CURVATURE:
            history.append((displacement, gradient_change))
        x, value, gradient = x + displacement, new_value, new_gradient
        iteration += 1
    return _minimum(x, value, gradient, iteration, tolerance)


def _minimum(x: Vector, value: float, gradient: Vector, iterations: int, tolerance: float) -> Minimum:
    slope = float(np.abs(gradient).max(initial=0.0))
    return Minimum(x, value, slope, iterations, slope <= tolerance)


def _direction(gradient: Vector, history: deque[tuple[Vector, Vector]]) -> Vector:
    """Return minus the estimated inverse Hessian times the gradient (the two-loop recursion)."""
    direction = -gradient
    if not history:
        return direction / max(1.0, float(np.linalg.norm(gradient)))
    coefficients = []
    for displacement, gradient_change in reversed(history):
        coefficient = float(displacement @ direction) / float(gradient_change @ displacement)
        coefficients.append(coefficient)
        direction = direction - coefficient * gradient_change
    displacement, gradient_change = history[-1]
    direction = direction * (float(displacement @ gradient_change) / float(gradient_change @ gradient_change))
    for (displacement, gradient_change), coefficient in zip(history, reversed(coefficients), strict=True):
        direction = (
            direction
            + (coefficient - float(gradient_change @ direction) / float(gradient_change @ displacement)) * displacement
        )
    return direction
