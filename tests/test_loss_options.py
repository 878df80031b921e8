"""The loss's options: class and sample weights, an ignored label, label smoothing, reductions, more axes than two."""

import itertools
import tracemalloc

import kit
import numpy as np
import pytest

import fastlayers as fl

REDUCTIONS = ("mean", "sum", "none")
# Narrow rows in batches, a few of them, rows as long as a few vectors, rows of more than one chunk.
SHAPES = [(40, 3), (5, 10), (9, 33), (3, 1000)]


def class_weights(t, shape, weight, sample_weight, ignore_index, label_smoothing):
    """q, the weight that a row gives to each class, and what a row counts in the mean, both plainly."""
    n, classes = shape
    q, counts = np.zeros(shape, np.longdouble), np.ones(n, np.longdouble)
    for row in range(n):
        targets = t[row] if t.ndim == 2 else np.eye(classes)[t[row]] if t[row] != ignore_index else None
        if targets is None:
            counts[row] = 0
            continue
        q[row] = (1 - np.longdouble(label_smoothing)) * targets + np.longdouble(label_smoothing) / classes
        if weight is not None:
            q[row] *= weight
            counts[row] *= weight[t[row]] if t.ndim == 1 else 1
        if sample_weight is not None:
            q[row] *= sample_weight[row]
            counts[row] *= sample_weight[row]
    return q, counts


def expected(x, t, *, reduction="mean", **options):
    """Loss and gradient by the plain formulas in long double."""
    options = dict.fromkeys(("weight", "sample_weight", "ignore_index")) | {"label_smoothing": 0} | options
    wide = x.astype(np.longdouble)
    e = np.exp(wide - wide.max(axis=1, keepdims=True))
    log_y = np.log(e) - np.log(e.sum(axis=1, keepdims=True))
    q, counts = class_weights(t, x.shape, **options)
    losses = -(q * log_y).sum(axis=1)
    terms = np.exp(log_y) * q.sum(axis=1, keepdims=True), q
    divisor = counts.sum() if reduction == "mean" else 1
    return losses / divisor, (terms[0] - terms[1]) / divisor, np.abs(terms).sum(axis=0) / abs(divisor)


def option_sets(rng, shape, dtype, soft):
    n, classes = shape
    weight, sample_weight = (rng.uniform(0.2, 3, size).astype(dtype) for size in (classes, n))
    ignored = [None] if soft else [None, 1, -100]
    for w, s, i, smoothing in itertools.product([None, weight], [None, sample_weight], ignored, [0.0, 0.1, 1.0]):
        yield {"weight": w, "sample_weight": s, "ignore_index": i, "label_smoothing": smoothing}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_of_all_options(shape, dtype, soft):
    rng = np.random.default_rng(0)
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    t = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype) if soft else rng.integers(0, shape[1], shape[0])
    eps = float(np.finfo(dtype).eps)
    for options in option_sets(rng, shape, dtype, soft):
        labels = t.copy()
        if options["ignore_index"] == -100:
            labels[::3] = -100
        losses, true_dx, size = expected(x, labels, **options)
        for reduction in REDUCTIONS:
            options["reduction"] = reduction
            losses, true_dx, size = expected(x, labels, **options)
            loss, dx = fl.softmax_cross_entropy(x, labels, **options)
            if reduction == "none":
                assert type(loss) is np.ndarray
                assert loss.dtype == dtype
                np.testing.assert_allclose(loss, losses.astype(float), rtol=16 * eps, atol=0)
            else:
                assert type(loss) is float
                assert loss == pytest.approx(float(losses.sum()), rel=16 * eps)
            assert (np.abs(dx - true_dx) <= 16 * eps * size).all(), options


@pytest.mark.parametrize("dtype", kit.FAST)
def test_options_run_compiled(level, dtype):
    """None is left to the reference: the kernel itself takes all of them."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x = rng.standard_normal(shape).astype(dtype)
        for soft in (False, True):
            t = np.full(shape, 1 / shape[1], dtype) if soft else rng.integers(0, shape[1], shape[0])
            for options in option_sets(rng, shape, dtype, soft):
                for reduction in REDUCTIONS:
                    for kernel in (level.softmax_cross_entropy, level.softmax_with_loss):
                        assert kernel(x, t, **options, reduction=reduction) is not NotImplemented


def gradient_of_loss(x, t, **options):
    """Central differences of the loss, or of the sum of the losses."""

    def loss(scores):
        return float(np.sum(fl.softmax_cross_entropy(scores, t, **options)[0]))

    return fl.testing.numerical_gradient(loss, x)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2), (3,)], ids=str)
def test_the_gradient_is_the_slope(shape, reduction):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    labels_shape = shape[:1] + shape[2:] if len(shape) > 1 else ()
    weight, sample_weight = rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, labels_shape)
    labels = rng.integers(0, 3, labels_shape)
    targets = np.moveaxis(rng.dirichlet(np.ones(3), labels_shape), -1, min(x.ndim - 1, 1))
    options = {"weight": weight, "sample_weight": sample_weight, "label_smoothing": 0.2, "reduction": reduction}
    for t, more in ((labels, {"ignore_index": 0}), (labels, {}), (targets, {})):
        if labels.size == 1 and more and labels == 0:
            continue  # nothing counts
        _, dx = fl.softmax_cross_entropy(x, t, **options, **more)
        np.testing.assert_allclose(dx, gradient_of_loss(x, t, **options, **more), rtol=1e-6, atol=1e-8)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
@pytest.mark.parametrize("rows", [3, 50])
def test_ignored_labels_of_any_value(dtype, rows):
    """In range or out of it, up to the ends of the dtype; what is out of range and not ignored is an error."""
    x = kit.numbers((rows, 4), np.float64)
    labels = (np.arange(rows) % 4).astype(dtype)
    for ignored in (0, 3, 4, np.iinfo(dtype).max, np.iinfo(dtype).min):
        odd = labels.copy()
        odd[1] = ignored
        loss, dx = fl.softmax_cross_entropy(x, odd, ignore_index=int(ignored))
        keep = odd != ignored
        kept_loss, kept_dx = fl.softmax_cross_entropy(x[keep], odd[keep])
        assert loss == pytest.approx(kept_loss, rel=1e-14)
        np.testing.assert_allclose(dx[keep], kept_dx, rtol=1e-14, atol=1e-17)
        assert not dx[~keep].any()
        odd[2] = 5
        with pytest.raises(ValueError, match=r"label 5 at row 2 is outside \[0, 4\)"):
            fl.softmax_cross_entropy(x, odd, ignore_index=int(ignored))


@pytest.mark.usefixtures("implementation")
def test_an_ignore_index_beyond_the_labels_dtype_ignores_nothing():
    x, labels = kit.numbers((3, 4), np.float64), np.array([0, 1, 2], np.uint8)
    for index in (-1, 256, 2**63 - 1, 2**63, -(2**63), 10**30):
        assert fl.softmax_cross_entropy(x, labels, ignore_index=index)[0] == fl.softmax_cross_entropy(x, labels)[0]
    with pytest.raises(ValueError, match=f"label {2**64 - 1} at row 0"):
        fl.softmax_cross_entropy(x, np.array([2**64 - 1, 0, 0], np.uint64), ignore_index=-1)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("shape", [(40, 3), (3, 40)], ids=str)
def test_an_ignored_row_may_hold_anything(shape):
    x, labels = kit.numbers(shape, np.float64), np.zeros(shape[0], int)
    labels[1], x[1, 0], x[1, 1] = 2, np.nan, np.inf
    loss, dx = fl.softmax_cross_entropy(x, labels, ignore_index=2)
    assert np.isfinite(loss)
    assert np.isfinite(dx).all()
    losses, _ = fl.softmax_cross_entropy(x, labels, ignore_index=2, reduction="none")
    assert losses[1] == 0


@pytest.mark.usefixtures("implementation")
def test_where_nothing_counts():
    x, labels = kit.numbers((3, 4), np.float64), np.full(3, 2)
    for options in ({"ignore_index": 2}, {"ignore_index": 2, "label_smoothing": 0.1}):
        loss, dx = fl.softmax_cross_entropy(x, labels, **options)
        assert np.isnan(loss)
        assert not dx.any()
        assert fl.softmax_cross_entropy(x, labels, **options, reduction="sum")[0] == 0
    assert np.isnan(fl.softmax_cross_entropy(x, labels, sample_weight=np.zeros(3))[0])
    assert np.isnan(fl.softmax_cross_entropy(x[:0], labels[:0], weight=np.ones(4))[0])
    assert fl.softmax_cross_entropy(x[:0], labels[:0], reduction="sum")[0] == 0
    assert fl.softmax_cross_entropy(x[:0], labels[:0], reduction="none")[0].shape == (0,)
    assert fl.softmax_cross_entropy(np.empty((3, 0)), np.empty((3, 0)), reduction="none")[0].tolist() == [0, 0, 0]


@pytest.mark.usefixtures("implementation")
def test_a_weight_is_as_so_many_rows():
    """Weights of whole numbers are repetitions."""
    x, labels = kit.numbers((6, 4), np.float64), np.array([0, 1, 2, 3, 0, 1])
    times = np.array([1, 2, 0, 3, 1, 1])
    loss, dx = fl.softmax_cross_entropy(x, labels, sample_weight=times)
    repeated_loss, repeated = fl.softmax_cross_entropy(np.repeat(x, times, axis=0), np.repeat(labels, times))
    assert loss == pytest.approx(repeated_loss, rel=1e-14)
    starts = np.flatnonzero(times)
    gathered = np.add.reduceat(repeated, np.cumsum(times)[starts] - times[starts], axis=0)
    np.testing.assert_allclose(dx[starts], gathered, rtol=1e-13, atol=1e-16)
    assert not dx[2].any()


# More axes than two


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_axes_after_the_classes_are_more_rows(dtype, channels_last, soft):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 5, 3, 4)).astype(dtype)
    if channels_last:
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    rows = np.moveaxis(x, 1, -1).reshape(-1, 5)
    labels = rng.integers(0, 5, (2, 3, 4))
    t = np.moveaxis(np.eye(5, dtype=dtype)[labels], -1, 1) if soft else labels
    row_t = np.eye(5, dtype=dtype)[labels.ravel()] if soft else labels.ravel()
    for reduction in REDUCTIONS:
        loss, dx = fl.softmax_cross_entropy(x, t, reduction=reduction)
        row_loss, row_dx = fl.softmax_cross_entropy(rows, row_t, reduction=reduction)
        np.testing.assert_array_equal(np.ravel(loss), np.ravel(row_loss))
        assert np.shape(loss) == (labels.shape if reduction == "none" else ())
        np.testing.assert_array_equal(np.moveaxis(dx, 1, -1).reshape(-1, 5), row_dx)
        assert channels_last or dx.flags.c_contiguous
        out = np.empty_like(x)
        assert fl.softmax_cross_entropy(x, t, reduction=reduction, out=out)[1] is out
        np.testing.assert_array_equal(out, dx)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("implementation", kit.LEVELS, indirect=True)
def test_classes_innermost_are_not_copied():
    """Beside the result, no memory of the size of the input is asked for."""
    x = np.moveaxis(np.zeros((4, 50, 50, 10)), -1, 1)
    labels = np.zeros((4, 50, 50), int)
    fl.softmax_cross_entropy(x, labels)
    tracemalloc.start()
    fl.softmax_cross_entropy(x, labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * x.nbytes


@pytest.mark.usefixtures("implementation")
def test_one_sample_with_options():
    x = np.array([0.5, -1.0, 2.0])
    batch, batch_dx = fl.softmax_cross_entropy(x[None], [1], weight=[1, 2, 3], label_smoothing=0.1)
    for t in (1, [1]):
        loss, dx = fl.softmax_cross_entropy(x, t, weight=[1, 2, 3], label_smoothing=0.1)
        assert loss == batch
        np.testing.assert_array_equal(dx, batch_dx[0])
        losses, _ = fl.softmax_cross_entropy(x, t, reduction="none", sample_weight=np.full(np.shape(t), 2.0))
        assert losses.shape == np.shape(t)
        assert losses == 2 * fl.softmax_cross_entropy(x, t)[0]


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_place_with_options(shape, soft):
    rng = np.random.default_rng(3)
    x, weight = rng.standard_normal(shape), rng.uniform(1, 2, shape[1])
    t = np.full(shape, 1 / shape[1]) if soft else rng.integers(0, shape[1], shape[0])
    options = {"weight": weight, "label_smoothing": 0.1, "sample_weight": rng.uniform(1, 2, shape[0])}
    loss, dx = fl.softmax_cross_entropy(x, t, **options)
    in_place = x.copy()
    again, _ = fl.softmax_cross_entropy(in_place, t, **options, out=in_place)
    assert again == loss
    np.testing.assert_array_equal(in_place, dx)


@pytest.mark.usefixtures("implementation")
def test_an_out_that_shares_memory_with_the_weights():
    x, t, weight = kit.numbers((4, 5), np.float64), np.arange(4), np.linspace(1, 2, 5)
    _, dx = fl.softmax_cross_entropy(x, t, weight=weight, sample_weight=weight[:4])
    for row, name in ((0, "weight"), (3, "weight"), (2, "sample_weight")):
        out = np.resize(weight, (4, 5))
        options = {"weight": weight, "sample_weight": weight[:4]} | {name: out[row][: 5 if name == "weight" else 4]}
        np.testing.assert_array_equal(fl.softmax_cross_entropy(x, t, **options, out=out)[1], dx)
