"""``MLPClassifier.fit`` beside scikit-learn's, on its digits: 50 epochs of batches of 32, 64 hidden units.

Both start from the same weights and see the same batches; their losses and accuracies are compared before they are
timed. Nothing is asserted about time.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from goals import OURS  # noqa: E402
from goals_fits import SCIKIT_LEARN, digits, estimator  # noqa: E402

from fastlayers.command.cases import DTYPES  # noqa: E402

SOLVERS = {"adam": {}, "sgd": {"learning_rate_init": 0.05}}
# The loss of 50 epochs, in which float32's rounding is magnified; float64's shows only in the last digits.
TOLERANCE = {"float32": 1e-3, "float64": 1e-8}


def fit(contender: str, solver: str, dtype: str) -> Callable[[], Any]:
    X, y = digits(dtype)
    model, run = estimator(contender, X, y, 64, 32, 50, solver=solver, **SOLVERS[solver])
    return lambda: (run(), model.score(X, y))


@functools.cache
def scikit_learns(solver: str, dtype: str) -> tuple[float, float]:
    """What scikit-learn's own comes to."""
    result: tuple[float, float] = fit(SCIKIT_LEARN, solver, dtype)()
    return result


@pytest.mark.parametrize("contender", [OURS, SCIKIT_LEARN])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("compiled")
def test_fit(benchmark: Any, solver: str, dtype: str, contender: str) -> None:
    benchmark.group = f"MLPClassifier.fit digits 64-64-10, 50 epochs, {solver}, {dtype}"
    run = fit(contender, solver, dtype)
    (loss, accuracy), (expected, expected_accuracy) = run(), scikit_learns(solver, dtype)
    np.testing.assert_allclose(loss, expected, rtol=TOLERANCE[dtype])
    assert abs(accuracy - expected_accuracy) < 0.002
    benchmark(run)
