"""Own L-BFGS: minima of a quadratic and of Rosenbrock's function, and what it says when it stops early."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision.minimize import lbfgs


def test_minimum_of_a_quadratic_is_the_solution_of_its_equations() -> None:
    random = np.random.default_rng(0)
    root = random.normal(size=(20, 20))
    matrix, right = root @ root.T + np.eye(20), random.normal(size=20)

    def function(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return float(x @ matrix @ x / 2 - right @ x), matrix @ x - right

    found = lbfgs(function, np.zeros(20), tolerance=1e-6)
    assert found.converged
    assert found.x == pytest.approx(np.linalg.solve(matrix, right), abs=1e-5)
    assert found.slope <= 1e-6


def test_minimum_of_rosenbrocks_function() -> None:
    def function(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        a, b = x
        slope = np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
        return float((1 - a) ** 2 + 100 * (b - a * a) ** 2), slope

    found = lbfgs(function, np.array([-1.2, 1.0]), tolerance=1e-8)
    assert found.converged
    assert found.x == pytest.approx([1, 1], abs=1e-7)


def test_too_few_iterations_are_reported() -> None:
    found = lbfgs(lambda x: (float(x @ x), 2 * x), np.full(3, 100.0), iterations=1)
    assert (found.iterations, found.converged) == (1, False)


def test_a_minimum_is_left_where_it_is() -> None:
    found = lbfgs(lambda x: (float(x @ x), 2 * x), np.zeros(3))
    assert (found.iterations, found.converged, found.x.tolist()) == (0, True, [0, 0, 0])


def test_a_step_into_not_a_number_is_shortened() -> None:
    def function(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        with np.errstate(invalid="ignore"):
            return float(x[0] - np.log(x[0])), 1 - 1 / x

    found = lbfgs(function, np.array([0.01]), tolerance=1e-8)
    assert found.converged
    assert found.x == pytest.approx([1])
