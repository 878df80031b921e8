"""Cross-entropy at its edges: special values, impossible classes, batches of nothing, what is refused."""

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_rows_with_special_values(dtype):
    """A row without probabilities has no loss and no gradient, whatever its label; others keep theirs."""
    x, labels = kit.numbers((4, 5), dtype), np.array([0, 1, 2, 3])
    for row in (np.inf, np.nan, -np.inf):
        for columns in [slice(None)] if row == -np.inf else [0, 2, 4]:
            odd = x.copy()
            odd[2, columns] = row
            for t in (labels, np.eye(5, dtype=dtype)[labels]):
                _, good = fl.softmax_cross_entropy(x, t)
                loss, dx = fl.softmax_cross_entropy(odd, t)
                assert np.isnan(loss)
                assert np.isnan(dx[2]).all()
                kit.assert_same(dx[[0, 1, 3]], good[[0, 1, 3]])


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_impossible_classes(dtype):
    """-inf among numbers is probability 0: as the label it costs inf, as another class nothing."""
    x = np.array([[0, -np.inf, 0]], dtype)
    for other, impossible in (([0], [1]), ([[1, 0, 0]], [[0, 1, 0]])):
        loss, dx = fl.softmax_cross_entropy(x, np.array(other))
        assert loss == pytest.approx(np.log(2))
        kit.assert_same(dx, np.array([[-0.5, 0, 0.5]], dtype))
        loss, dx = fl.softmax_cross_entropy(x, np.array(impossible))
        assert loss == np.inf
        kit.assert_same(dx, np.array([[0.5, -1, 0.5]], dtype))


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_extreme_scores(dtype):
    largest = np.finfo(dtype).max
    x = np.array([[largest, -largest, 0]], dtype)
    loss, dx = fl.softmax_cross_entropy(x, [0])
    assert loss == 0
    kit.assert_same(np.abs(dx), np.zeros((1, 3), dtype))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_targets_of_great_weight(dtype):
    """The loss is a Python float, also where it is more than a float32 holds."""
    x, t = np.array([[0, 4.5]], dtype), np.array([[np.finfo(np.float32).max, 1]], dtype)
    loss, _ = fl.softmax_cross_entropy(x, t)
    assert loss == pytest.approx(float(t[0, 0]) * float(np.log1p(np.exp(4.5))), rel=1e-6)


def test_empty_batches():
    for x, t in (
        (np.empty((0, 3)), np.empty(0, int)),
        (np.empty((0, 3)), np.empty((0, 3))),
        (np.empty((0, 0)), np.empty(0, int)),
    ):
        loss, dx = fl.softmax_cross_entropy(x, t)
        assert np.isnan(loss)
        kit.assert_same(dx, x)
        assert np.isnan(fl.cross_entropy_error(x, t))
    loss, dx = fl.softmax_cross_entropy(np.empty((2, 0)), np.empty((2, 0)))
    assert loss == 0
    assert dx.shape == (2, 0)


X, T = np.ones((3, 4)), np.array([0, 1, 2])
NAMES = ("softmax_cross_entropy", "cross_entropy_error")
BAD_TARGETS = {
    "label too large": ((X, np.array([0, 4, 12])), ValueError, ("label 4 at row 1", "[0, 4)")),
    "label negative": ((X, np.array([0, 1, -1])), ValueError, ("label -1 at row 2", "[0, 4)")),
    "label beyond int64": ((X, np.array([2**63 + 5, 0, 0], np.uint64)), ValueError, (f"label {2**63 + 5} at row 0",)),
    "label of no class": ((np.empty((3, 0)), T), ValueError, ("label 0 at row 0", "[0, 0)")),
    "label of one sample": ((X[0], 4), ValueError, ("label 4 at row 0", "[0, 4)")),
    "float labels": ((X, T.astype(float)), TypeError, ("labels", "float64")),
    "bool labels": ((X, T > 0), TypeError, ("labels", "bool")),
    "one float label": ((X[0], 1.0), TypeError, ("labels", "float64")),
    "too few labels": ((X, T[:2]), ValueError, ("(2,)", "(3, 4)")),
    "labels of one broadcast": ((X, T[:1]), ValueError, ("(1,)", "(3, 4)")),
    "one label for a batch": ((X, 1), ValueError, ("()", "(3, 4)")),
    "column of labels": ((X, T[:, None]), ValueError, ("(3, 1)", "(3, 4)")),
    "targets of another shape": ((X, X.T), ValueError, ("(4, 3)", "(3, 4)")),
    "batch of targets for one sample": ((X[0], X[:1]), ValueError, ("(1, 4)", "(4,)")),
}
BAD = {f"{name}: {k}": kit.Bad(name, *bad) for name in NAMES for k, bad in BAD_TARGETS.items()}
BAD |= {
    "labels of a flattened batch": kit.Bad("softmax_cross_entropy", (X[None], T), ValueError, ("(1, 3, 4)", "(3,)")),
    "label by its index": kit.Bad(
        "softmax_cross_entropy", (X[None], T[None, [0, 1, 2, 0]] + 2), ValueError, ("label 3 at index (0, 1)", "[0, 3)")
    ),
    "0-d scores": kit.Bad("softmax_cross_entropy", (1.0, 0), ValueError, ("0-dimensional", "(N, C, ...)")),
    "0-d probabilities": kit.Bad("cross_entropy_error", (1.0, 0), ValueError, ("()", "(N, C)")),
    "3-d probabilities": kit.Bad("cross_entropy_error", (X[None], X[None]), ValueError, ("(1, 3, 4)", "(N, C)")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(bad):
    bad.check()
