"""The same random_state gives scikit-learn's own training: weights, batches, penalties, rules for stopping.

In float64 losses and weights agree to rounding, which a training magnifies a little from step to step.
"""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning

from fastlayers import sklearn as ours

TOLERANCE = 1e-9

pytestmark = pytest.mark.thread_unsafe(reason="compares warnings, which are the process's")


def data(problem):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((153, 6))
    signal = X @ rng.standard_normal((6, 4)) + 0.5 * rng.standard_normal((153, 4))
    return X, {
        "binary": np.where(signal[:, 0] > 0, 7, -3),
        "multiclass": np.array([6, 2, 9, 4])[signal.argmax(axis=1)],
        "multilabel": (signal > 0).astype(int),
        "regression": signal[:, 0],
        "several outputs": signal[:, :3],
        "counts": rng.poisson(np.exp(signal[:, 0] / 2)),
    }[problem]


CLASSIFICATION = "binary", "multiclass", "multilabel"
PROBLEMS = *CLASSIFICATION, "regression", "several outputs", "counts"
SETTINGS = {
    "sgd": {"solver": "sgd", "momentum": 0, "alpha": 0},
    "sgd with penalty": {"solver": "sgd", "momentum": 0, "alpha": 0.5},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "alpha": 0},
    "momentum with penalty": {"solver": "sgd", "nesterovs_momentum": False, "alpha": 0.5},
    "nesterov": {"solver": "sgd", "alpha": 0},
    "nesterov with penalty": {"solver": "sgd", "alpha": 0.5},
    "nesterov, inverse scaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2, "max_iter": 60},
    "adam": {"alpha": 0},
    "adam with penalty": {"alpha": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": (9, 7)},
    "tanh": {"activation": "tanh", "hidden_layer_sizes": (9, 7), "solver": "sgd"},
    "identity": {"activation": "identity", "hidden_layer_sizes": ()},
    "logistic without a hidden layer": {"activation": "logistic", "hidden_layer_sizes": ()},
    "in order": {"shuffle": False},
    "all in one batch": {"batch_size": "auto"},
    "until nothing improves": {"max_iter": 200, "tol": 0.02, "n_iter_no_change": 3},
    "early stopping": {"early_stopping": True, "tol": 1e-3, "n_iter_no_change": 4, "max_iter": 100},
    "early stopping by sgd": {"early_stopping": True, "solver": "sgd", "validation_fraction": 0.3, "max_iter": 30},
}


def pair(problem, settings):
    """Both estimators, with the same parameters."""
    name = "MLPClassifier" if problem in CLASSIFICATION else "MLPRegressor"
    parameters = {"hidden_layer_sizes": (12,), "batch_size": 32, "learning_rate_init": 0.02, "max_iter": 15}
    if problem == "counts":
        parameters |= {"loss": "poisson", "learning_rate_init": 0.005}
    parameters |= {"random_state": 7} | settings
    return [getattr(package, name)(**parameters) for package in (ours, theirs)]


def assert_same_training(fitted, expected, X):
    assert fitted.n_iter_ == expected.n_iter_
    assert fitted.t_ == expected.t_
    np.testing.assert_allclose(fitted.loss_curve_, expected.loss_curve_, rtol=TOLERANCE)
    np.testing.assert_allclose(fitted.loss_, expected.loss_, rtol=TOLERANCE)
    for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
        if getattr(expected, name) is None:
            assert getattr(fitted, name) is None
        else:
            np.testing.assert_allclose(getattr(fitted, name), getattr(expected, name), rtol=TOLERANCE)
    assert_same_model(fitted, expected, X, TOLERANCE)


def assert_same_model(fitted, expected, X, tolerance):
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(fitted, name) == getattr(expected, name)
    for mine, other in zip(fitted.coefs_ + fitted.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * np.abs(other).max())
    if hasattr(expected, "classes_"):
        assert fitted.classes_.tolist() == expected.classes_.tolist()
        assert fitted.predict(X).tolist() == expected.predict(X).tolist()
        for method in ("predict_proba", "predict_log_proba"):
            answers = [getattr(estimator, method)(X) for estimator in (fitted, expected)]
            np.testing.assert_allclose(*answers, rtol=1e3 * tolerance, atol=tolerance)
    else:
        prediction = expected.predict(X)
        np.testing.assert_allclose(fitted.predict(X), prediction, rtol=0, atol=tolerance * np.abs(prediction).max())


def fit(estimators, *args, **keywords):
    """Both fitted; that training ends at max_iter is no matter here, but both must say so."""
    warned = []
    for estimator in estimators:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(*args, **keywords)
        warned.append([(warning.category, str(warning.message)) for warning in caught])
    return warned


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_training(problem, settings):
    X, y = data(problem)
    estimators = pair(problem, SETTINGS[settings])
    warned = fit(estimators, X, y)
    assert warned[0] == warned[1]
    assert {category for category, _ in warned[0]} <= {ConvergenceWarning}
    assert_same_training(*estimators, X)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what overflows
@pytest.mark.parametrize("problem", ["regression", "several outputs"])
def test_early_stopping_restores_finite_weights_of_a_training_that_diverges(problem):
    X, y = data(problem)
    settings = {"solver": "sgd", "activation": "identity", "early_stopping": True, "max_iter": 200}
    estimators = pair(problem, settings | {"learning_rate_init": 0.2, "n_iter_no_change": np.inf})
    warned = fit(estimators, X, y)
    assert [kind for kind, message in warned[0] if "weights of the best validation score" in message] == [
        ConvergenceWarning
    ]
    assert np.isnan(estimators[0].validation_scores_[-1])
    assert_same_training(*estimators, X)
    kept = estimators[0].set_params(learning_rate_init=1e-30, early_stopping=False)
    assert np.isfinite(kept.partial_fit(X, y).loss_)  # by a new optimizer


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_sample_weights(problem, solver):
    X, y = data(problem)
    estimators = pair(problem, {"solver": solver, "alpha": 0.5})
    fit(estimators, X, y, np.random.default_rng(0).uniform(0, 3, len(X)))
    if solver == "lbfgs":
        assert_same_model(*estimators, X, 1e-6)
    else:
        assert_same_training(*estimators, X)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_sample_weights_with_early_stopping(problem):
    X, y = data(problem)
    estimators = pair(problem, {"early_stopping": True, "max_iter": 30})
    fit(estimators, X, y, np.random.default_rng(0).uniform(0, 3, len(X)))
    assert_same_training(*estimators, X)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_lbfgs(problem, activation):
    X, y = data(problem)
    estimators = pair(problem, {"solver": "lbfgs", "activation": activation, "alpha": 1})
    fit(estimators, X, y)
    assert estimators[0].n_iter_ == estimators[1].n_iter_
    np.testing.assert_allclose(estimators[0].loss_, estimators[1].loss_, rtol=1e-7)
    assert_same_model(*estimators, X, 1e-6)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_partial_fit(problem, solver):
    X, y = data(problem)
    estimators = pair(problem, {"solver": solver})
    for estimator in estimators:
        for start in (0, 50, 100, 0):
            estimator.alpha = 0.5 if start == 50 else 0
            classes = {"classes": np.arange(4) if y.ndim == 2 else np.unique(y)} if problem in CLASSIFICATION else {}
            estimator.partial_fit(X[start : start + 50], y[start : start + 50], **classes)
    assert_same_training(*estimators, X)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_warm_start(problem):
    X, y = data(problem)
    estimators = pair(problem, {"warm_start": True, "max_iter": 5})
    for _ in range(3):
        fit(estimators, X, y)
    assert len(estimators[0].loss_curve_) == 15
    assert_same_training(*estimators, X)


@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
def test_sparse(container):
    X, y = data("multiclass")
    X[X < 0] = 0
    estimators = pair("multiclass", {})
    fit(estimators, container(X), y)
    assert_same_training(*estimators, X)
    assert estimators[0].predict(container(X)).tolist() == estimators[1].predict(X).tolist()


def test_a_random_state_that_is_shared():
    X, y = data("multiclass")
    for estimator in (estimators := pair("multiclass", {"early_stopping": True, "max_iter": 5})):
        estimator.random_state = np.random.RandomState(3)
        fit([estimator], X, y)
        fit([estimator], X, y)
    assert_same_training(*estimators, X)


def test_class_weights_are_sample_weights():
    X, y = data("multiclass")
    mine, other = pair("multiclass", {})
    mine.class_weight = {2: 1, 4: 2, 6: 0.5, 9: 3}
    fit([mine], X, y)
    fit([other], X, y, [mine.class_weight[label] for label in y])
    assert_same_training(mine, other, X)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_float32(problem):
    """Rounding differs, and training magnifies it; both stay in float32."""
    X, y = data(problem)
    X = X.astype(np.float32)
    estimators = pair(problem, {"max_iter": 3, "learning_rate_init": 1e-3})
    fit(estimators, X, y)
    np.testing.assert_allclose(estimators[0].loss_curve_, estimators[1].loss_curve_, rtol=1e-5)
    assert {param.dtype for param in estimators[0].network_.params} == {np.dtype(np.float32)}
    for method in ("predict_proba", "predict_log_proba") if problem in CLASSIFICATION else ("predict",):
        assert getattr(estimators[0], method)(X).dtype == np.float32


@pytest.mark.parametrize("settings", ["adaptive", "until nothing improves", "early stopping"])
def test_what_is_printed(settings, capsys):
    X, y = data("multiclass")
    printed = []
    for estimator in pair("multiclass", SETTINGS[settings] | {"verbose": True}):
        fit([estimator], X, y)
        printed.append(capsys.readouterr().out)
    assert len(printed[0].splitlines()) > 10
    assert printed[0] == printed[1]
