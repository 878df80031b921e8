"""Softmax gives probabilities, wherever it is: each in [0, 1], exactly 1 of one class, rows that sum to 1.

That each is within 5 ulp of the exact one stands in ``test_accuracy.py``, on ONNX's graph in ``test_onnx.py``.
"""

import kit
import numpy as np
import points
import pytest

import fastlayers as fl

SUM_LIMIT = 5
DTYPES = pytest.mark.parametrize("dtype", kit.FAST)
# Rows of fewer than 32 classes the kernels do side by side where there are 16 or more, others one by one.
WIDTHS = {1: 300, 2: 5000, 3: 5000, 10: 5000, 31: 1500, 32: 1500, 100: 500, 1000: 100, 5000: 20}


def assert_probabilities(y):
    """Of rows, the classes last."""
    assert np.all((y >= 0) & (y <= 1)), f"from {y.min()} to {y.max():.9f}"
    off = points.sums_off(y)
    assert off.max(initial=0) <= SUM_LIMIT, f"a sum is off by {off.max():.3g} ulp"
    if y.shape[-1] == 1:
        assert np.all(y == 1)


def scores(dtype, rows, classes):
    """Rows plain, with one class or two that dominate by any gap, of equal scores, with the extremes of the dtype."""
    rng = np.random.default_rng([11, classes])
    reach = -np.log(float(np.finfo(dtype).tiny))
    x = rng.standard_normal((rows, classes)) * 10 ** rng.uniform(-2, np.log10(reach), (rows, 1))
    one, two, equal, extreme = (np.flatnonzero(np.arange(rows) % 5 == kind) for kind in range(1, 5))
    x[one] *= 10.0 ** rng.uniform(-3, 0, (len(one), 1))
    x[one, rng.integers(0, classes, len(one))] += rng.uniform(0, 1.2 * reach, len(one))
    x[two, :2] = x[two].max(axis=1, keepdims=True) + rng.uniform(0, reach, (len(two), 1))
    x[two, -1] -= rng.uniform(0, 2, len(two))
    x[equal] = rng.uniform(-reach, reach, (len(equal), 1))
    x[extreme] *= 10.0 ** rng.uniform(0, np.log10(float(np.finfo(dtype).max)) - 5, (len(extreme), 1))
    return x.astype(dtype)


@DTYPES
@pytest.mark.parametrize("classes", WIDTHS)
def test_softmax_of_any_rows(implementation, dtype, classes):
    x = scores(dtype, WIDTHS[classes], classes)
    y = fl.softmax(x)
    assert_probabilities(y)
    kit.assert_same(y.max(axis=1), y[np.arange(len(y)), x.argmax(axis=1)])  # the largest score has the largest
    kit.assert_same(np.concatenate([fl.softmax(row[np.newaxis]) for row in x[:200]]), y[:200])


@DTYPES
def test_equal_scores_of_every_width(implementation, dtype):
    for classes in (*range(1, 101), 512, 1000, 4097, 32_000):
        for x in np.array([0.3, -7.9, 41.0, 1e4], dtype):
            y = fl.softmax(np.full((17, classes), x))
            assert_probabilities(y)
            assert np.all(y == y[0, 0])


@DTYPES
@pytest.mark.parametrize("classes", [1, 3, 40])
def test_what_no_other_class_has_a_part_in_is_1(implementation, dtype, classes):
    for x in (0.3, 0.9, 3.14, -77.7, 1e30):
        rows = np.full((17, classes), -np.inf, dtype)
        rows[:, classes // 2] = x
        assert np.all(fl.softmax(rows)[:, classes // 2] == 1)
        assert np.all(fl.softmax(rows[:1])[:, classes // 2] == 1)


@DTYPES
@pytest.mark.parametrize("classes", [1, 3, 40])
def test_axes_and_strides(implementation, dtype, classes):
    x = scores(dtype, 120, classes)
    for y in (
        fl.softmax(np.asfortranarray(x)),
        fl.softmax(np.repeat(x, 2, axis=0)[::2]),
        fl.softmax(x.T, axis=0).T,
        np.moveaxis(fl.softmax(np.moveaxis(x.reshape(6, 20, classes), -1, 1), axis=1), 1, -1).reshape(x.shape),
    ):
        assert_probabilities(y)
        kit.assert_same(np.ascontiguousarray(y), fl.softmax(x))


@DTYPES
@pytest.mark.parametrize("classes", [1, 2, 10, 31, 32, 1000])
def test_the_loss_layer(implementation, dtype, classes):
    """Whatever is asked of the loss, and whatever it is held against."""
    x = scores(dtype, 100, classes)
    with np.errstate(over="ignore"):
        x = np.clip(x, -1e30, 1e30)  # so that a loss is finite
    labels = np.arange(100) % classes
    targets = np.eye(classes, dtype=dtype)[labels]
    weights = np.linspace(0.5, 2, classes, dtype=dtype)
    for options in ({}, {"label_smoothing": 0.1}, {"weight": weights}, {"ignore_index": 0}, {"reduction": "none"}):
        for t in (labels,) if "ignore_index" in options else (labels, targets):
            layer = fl.SoftmaxWithLoss(**options)
            layer.forward(x, t)
            assert_probabilities(layer.y)
            layer.forward(np.moveaxis(x.reshape(5, 20, classes), -1, 1), labels.reshape(5, 20))
            assert_probabilities(np.moveaxis(layer.y, 1, -1))


@DTYPES
@pytest.mark.parametrize("classes", [2, 3])
def test_an_estimator(implementation, dtype, classes):
    """Of two classes it has a sigmoid: of which too each is accurate, however small."""
    pytest.importorskip("sklearn")
    from fastlayers import sklearn as estimators

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 2)).astype(dtype), np.arange(60) % classes
    model = estimators.MLPClassifier((4,), solver="sgd", batch_size=60, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, y)
    X = np.concatenate([X, 10 * X, 40 * X])
    probability, outputs = model.predict_proba(X), model.network_.predict(X).astype(np.longdouble)
    assert_probabilities(probability)
    assert probability.dtype == dtype
    scores = np.hstack([np.zeros_like(outputs), outputs]) if classes == 2 else outputs
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    kit.assert_close(probability, e / e.sum(axis=1, keepdims=True), ulps=5)
