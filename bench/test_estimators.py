"""``MLPClassifier.fit`` beside scikit-learn's, on its digits: 50 epochs of batches of 32, 64 hidden units.

Both start from the same weights and see the same batches; their losses and accuracies are compared before they are
timed. Nothing is asserted about time.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn import datasets, neural_network  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402

from fastlayers import sklearn as ours  # noqa: E402
from fastlayers.command.cases import DTYPES  # noqa: E402

CONTENDERS = {"fastlayers": ours.MLPClassifier, "scikit-learn": neural_network.MLPClassifier}
SOLVERS = {"adam": {}, "sgd": {"learning_rate_init": 0.05}}
# The loss of 50 epochs, in which float32's rounding is magnified; float64's shows only in the last digits.
TOLERANCE = {"float32": 1e-3, "float64": 1e-8}


def fit(contender: str, solver: str, dtype: str) -> Callable[[], Any]:
    X, y = datasets.load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    parameters = {"batch_size": 32, "max_iter": 50, "tol": 0, "n_iter_no_change": np.inf, "random_state": 0}
    estimator = CONTENDERS[contender]((64,), solver=solver, **parameters, **SOLVERS[solver])

    def run() -> Any:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # 50 epochs are what is asked for
            estimator.fit(X, y)
        return estimator.loss_, estimator.score(X, y)

    return run


@functools.cache
def scikit_learns(solver: str, dtype: str) -> tuple[float, float]:
    """What scikit-learn's own comes to."""
    result: tuple[float, float] = fit("scikit-learn", solver, dtype)()
    return result


@pytest.mark.parametrize("contender", CONTENDERS)
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
