"""What the tests of estimators share."""

import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from fastlayers.sklearn import MLPClassifier

unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
IRIS = load_iris(return_X_y=True)


def iris():
    X, y = IRIS
    return scale(X), y


def quick(kind=MLPClassifier, **parameters):
    return kind(**({"hidden_layer_sizes": (8,), "max_iter": 20, "tol": 0, "random_state": 0} | parameters))
