"""What estimators are trained on: dtypes, sparse matrices, classes and what they weigh, numbers to expect."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from estimators import quick, unconverged
from scipy.sparse import csr_array
from sklearn.datasets import make_multilabel_classification

import fastlayers as fl
from fastlayers.sklearn import MLPRegressor
from fastlayers.sklearn._losses import PoissonWithLoss
from fastlayers.testing import numerical_gradient

pytestmark = pytest.mark.thread_unsafe(reason="changes warnings, which are the process's")


# Data


@unconverged
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_dtypes(iris, dtype):
    X, y = iris[0].astype(dtype), iris[1]
    kept = np.dtype(dtype if dtype is np.float32 else np.float64)
    fitted = quick().fit(X, y)
    assert {param.dtype for param in fitted.network_.params} == {kept}
    fitted.partial_fit(X.astype(np.float64), y, np.ones(150))
    assert {param.dtype for param in fitted.network_.params} == {kept}
    assert fitted.predict_proba(X.astype(np.float64)).dtype == kept
    assert quick(MLPRegressor).fit(X, y.astype(float)).predict(X).dtype == kept


@unconverged
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_is_as_dense(iris, solver):
    X, y = np.where(iris[0] > 0, iris[0], 0), iris[1]
    parameters = {"solver": solver, "early_stopping": solver == "adam"}
    dense, sparse = quick(**parameters).fit(X, y), quick(**parameters).fit(csr_array(X), y)
    assert sparse.loss_ == dense.loss_
    np.testing.assert_array_equal(sparse.predict_proba(csr_array(X)), dense.predict_proba(X))


@unconverged
def test_sparse_labels_are_as_dense():
    X, Y = make_multilabel_classification(60, 5, random_state=0)
    assert quick().fit(X, csr_array(Y)).loss_curve_ == quick().fit(X, Y).loss_curve_


@unconverged
def test_one_class_alone():
    X = np.random.default_rng(0).standard_normal((10, 3))
    fitted = quick().fit(X, ["only"] * 10)
    assert fitted.predict(X).tolist() == ["only"] * 10
    assert fitted.predict_proba(X).tolist() == [[1.0]] * 10
    assert fitted.predict_log_proba(X).tolist() == [[0.0]] * 10


@unconverged
def test_logarithms_of_probabilities_are_finite_where_those_are_0(iris):
    fitted = quick().fit(*iris)
    X = 1e4 * iris[0]
    assert (fitted.predict_proba(X) == 0).any()
    assert np.isfinite(fitted.predict_log_proba(X)).all()


@unconverged
def test_a_batch_that_does_not_count_is_passed_over(iris):
    X, y = iris
    weights = np.repeat([1.0, 0.0, 1.0], 50)
    fitted = quick(shuffle=False, batch_size=50, alpha=0.5).fit(X, y, weights)
    counted = np.repeat([True, False, True], 50)
    other = quick(shuffle=False, batch_size=50, alpha=0.5)
    for _ in range(20):
        other.partial_fit(X[counted], y[counted], classes=[0, 1, 2])
    np.testing.assert_allclose(fitted.coefs_[0], other.coefs_[0], rtol=1e-12)


@unconverged
def test_the_reference_trains_the_same(iris):
    compiled = quick().fit(*iris)
    with fl.use_backend("reference"):
        reference = quick().fit(*iris)
    np.testing.assert_allclose(reference.loss_curve_, compiled.loss_curve_, rtol=1e-9)


# Weights of classes


@unconverged
def test_class_weights(iris):
    X, y = iris[0][40:120], iris[1][40:120]  # 10, 50 and 20 of the classes
    balanced = {label: 80 / (3 * n) for label, n in enumerate((10, 50, 20))}
    curves = [quick(class_weight=weights).fit(X, y).loss_curve_ for weights in ("balanced", balanced, None)]
    assert curves[0] == curves[1] != curves[2]
    both = quick(class_weight=balanced).fit(X, y, np.arange(80.0)).loss_curve_
    assert both == quick().fit(X, y, np.arange(80.0) * [balanced[label] for label in y]).loss_curve_


@unconverged
def test_class_weights_do_not_count_in_scores(iris):
    parameters = {"early_stopping": True, "max_iter": 5}
    weighted = quick(class_weight={0: 1e-6, 1: 1e-6, 2: 1}, **parameters).fit(*iris)
    assert weighted.validation_scores_[-1] in np.arange(16) / 15


# Regression


def test_gradient_of_the_poisson_loss():
    rng = np.random.default_rng(0)
    x, t, weights = rng.standard_normal((4, 3)), rng.poisson(2.0, (4, 3)).astype(float), rng.uniform(0, 2, 4)
    for sample_weight in (None, weights):
        layer = PoissonWithLoss()
        layer.forward(x, t, sample_weight)
        numerical = numerical_gradient(lambda x, w=sample_weight: PoissonWithLoss().forward(x, t, w), x)
        np.testing.assert_allclose(layer.backward(), numerical, rtol=1e-6, atol=1e-9)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        PoissonWithLoss().backward()


@unconverged
def test_expected_values_that_overflow_have_no_score(iris):
    X, y = iris
    with np.errstate(over="ignore"), pytest.warns(UserWarning, match="X_val is on another scale than X"):
        fitted = quick(MLPRegressor, loss="poisson", early_stopping=True).fit(X, y, X_val=1e6 * X, y_val=y)
    assert np.isnan(fitted.validation_scores_[0])
