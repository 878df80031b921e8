"""Cross-entropy: of probabilities as the book has it, and fused with softmax, with its gradient."""

import decimal
import functools
import math

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def expected_loss(x, t):
    """The mean loss and its gradient for targets, or for labels made one-hot."""
    wide = np.atleast_2d(x).astype(np.longdouble)
    if t.shape != x.shape:
        t = np.eye(wide.shape[1], dtype=np.longdouble)[t.reshape(-1)]
    t = np.atleast_2d(t).astype(np.longdouble)
    shifted = wide - wide.max(axis=1, keepdims=True)
    log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dx = (np.exp(log_y) * t.sum(axis=1, keepdims=True) - t) / len(wide)
    return float(-np.multiply(t, log_y, where=t != 0, out=np.zeros_like(t)).sum() / len(wide)), dx.reshape(x.shape)


def soft_targets(shape, dtype):
    """Weights of each class that do not sum to 1, some of them 0."""
    return np.abs(kit.numbers(shape, dtype, seed=9))


def targets_for(shape):
    """Labels and targets of every kind for scores of a shape."""
    rows, classes = (shape[:-1], shape[-1])
    labels = np.random.default_rng(3).integers(0, classes, rows)
    kinds = {f"labels {d.__name__}": labels.astype(d) for d in kit.INTEGERS}
    kinds |= {f"one-hot {d.__name__}": np.eye(classes, dtype=d)[labels] for d in (np.bool_, np.int64, np.float32)}
    kinds |= {f"soft {d.__name__}": soft_targets(shape, d) for d in kit.FLOATS}
    return kinds


@pytest.mark.parametrize("dtype", [*kit.FLOATS, np.int32])
@pytest.mark.parametrize("shape", [(4, 6), (1, 1), (5, 2), (3, 33), (6,), (1,)])
def test_loss_and_gradient_for_every_kind_of_target(shape, dtype):
    x = kit.numbers(shape, dtype)
    for kind, t in targets_for(shape).items():
        loss, dx = fl.softmax_cross_entropy(x, t)
        true_loss, true_dx = expected_loss(x, t)
        eps = max(float(np.finfo(dx.dtype).eps), float(np.finfo(float).eps))
        assert type(loss) is float
        assert loss == pytest.approx(true_loss, rel=20 * eps, abs=1e-15), kind
        assert dx.dtype == np.exp(x).dtype
        np.testing.assert_allclose(dx.astype(float), true_dx.astype(float), rtol=20 * eps, atol=20 * eps, err_msg=kind)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_loss_of_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES[1:]:
        x, labels = kit.numbers((3, size), dtype), np.array([0, size // 2, size - 1])
        for t in (labels, np.eye(size, dtype=dtype)[labels]):
            loss, dx = fl.softmax_cross_entropy(x, t)
            true_loss, true_dx = expected_loss(x, t)
            eps = float(np.finfo(dtype).eps)
            assert loss == pytest.approx(true_loss, rel=20 * eps, abs=1e-15)
            np.testing.assert_allclose(dx, true_dx.astype(float), rtol=20 * eps, atol=4 * eps)


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_loss_of_layouts(dtype, layout):
    x, arrange = kit.numbers((6, 5), dtype), kit.LAYOUTS[layout]
    for t in (np.arange(6) % 5, soft_targets((6, 5), dtype)):
        loss, dx = fl.softmax_cross_entropy(x, t)
        odd_loss, odd_dx = fl.softmax_cross_entropy(arrange(x), arrange(t))
        assert odd_loss == loss
        kit.assert_same(odd_dx, dx)
        assert odd_dx.flags.c_contiguous


@functools.cache
def exact_losses(dtype):
    """Rows of scores, from even to dominated by one class, and the loss of each class as the label, to 60 digits."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((100, 7)) * 10 ** rng.uniform(-2, 1.5, (100, 1))
    x[60:, 3] += rng.uniform(0, 60, 40)
    x = x.astype(dtype)
    losses = []
    with decimal.localcontext(prec=60):
        for row in x:
            values = [decimal.Decimal(float(v)) for v in row]
            top = max(values)
            others = sum((v - top).exp() for v in values) - 1
            log_sum = (1 + others).ln() if others > decimal.Decimal("1e-18") else others - others**2 / 2 + others**3 / 3
            losses.append([top - v + log_sum for v in values])
    return x, losses


@pytest.mark.parametrize("dtype", kit.FAST)
def test_loss_accuracy(dtype):
    """Each class as the label in turn: the right class dominant, the wrong one, none."""
    x, exact = exact_losses(dtype)
    off = {}
    for i, label in np.ndindex(x.shape):
        true = exact[i][label]
        if true >= float(np.finfo(dtype).tiny):
            loss, _ = fl.softmax_cross_entropy(x[i], label)
            off[i, label] = abs(float(decimal.Decimal(loss) - true)) / float(np.spacing(dtype(float(true))))
    worst = max(off, key=off.__getitem__)
    assert off[worst] <= 4, f"label {worst[1]} of {x[worst[0]]}"


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("gap", [1, 8, 20, 40, 60, 80])
def test_gradient_where_the_right_class_dominates(dtype, gap):
    """``y - 1`` would be 0 or a few bits; every digit of it is there, and the row sums to 0."""
    x = np.array([[0, gap, 0, -1]], dtype)
    others = 2 * np.exp(-np.longdouble(gap)) + np.exp(-np.longdouble(gap + 1))
    for t in (np.array([1]), np.array([[0, 1, 0, 0]])):
        loss, dx = fl.softmax_cross_entropy(x, t)
        assert dx[0, 1] == pytest.approx(float(-others / (1 + others)), rel=8 * float(np.finfo(dtype).eps))
        assert loss == pytest.approx(float(np.log1p(others)), rel=8 * float(np.finfo(dtype).eps))


RISES = [0.0, 1.0, 20.0, 31.9, 32.1, 60.0, 300.0, -300.0, 1e30]


@pytest.mark.parametrize("place", [0, 511, 512, 700, 1099])
@pytest.mark.parametrize("base", [0.0, -250.0, 250.0, -3000.0, 3000.0])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_long_rows_whose_largest_is_anywhere(dtype, base, place):
    """A long row is read in pieces, and a later one may hold a larger score, by little or by far."""
    x = (kit.numbers((len(RISES), 1100), dtype) + dtype(base)).astype(dtype)
    x[:, place] += np.array(RISES, dtype)
    x[2, -1] = x[2].max()  # twice
    labels = np.where(np.arange(len(RISES)) % 2, place, 17)
    eps = float(np.finfo(dtype).eps)
    for t in (labels, np.eye(1100, dtype=dtype)[labels]):
        true_loss, true_dx = expected_loss(x, t)
        loss, dx = fl.softmax_cross_entropy(x, t)
        assert loss == pytest.approx(true_loss, rel=8 * eps)
        np.testing.assert_allclose(dx, true_dx.astype(float), rtol=8 * eps, atol=4 * eps / len(RISES))
        in_place = x.copy()
        assert fl.softmax_cross_entropy(in_place, t, out=in_place)[0] == pytest.approx(loss, rel=2 * eps)
        np.testing.assert_allclose(in_place, dx, rtol=8 * eps, atol=eps / len(RISES))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_long_rows_with_special_values(dtype, value):
    x, labels = kit.numbers((6, 1500), dtype), np.full(6, 1400)
    x[1, 3] = x[2, 900] = value  # in the first piece of a row, in a later one
    x[3, :600] = value  # the first piece knows no score at all
    x[4] = value
    for t in (labels, np.eye(1500, dtype=dtype)[labels]):
        loss, dx = fl.softmax_cross_entropy(x, t)
        bad = [4] if value == -np.inf else [1, 2, 3, 4]
        assert np.isnan(loss)
        assert np.isnan(dx[bad]).all()
        good = np.setdiff1d(np.arange(6), bad)
        true_loss, true_dx = expected_loss(x[good], t[good])
        loss, dx = fl.softmax_cross_entropy(x[good], t[good])
        assert loss == pytest.approx(true_loss, rel=1e-6)
        np.testing.assert_allclose(dx, true_dx.astype(float), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_loss_of_a_long_batch(dtype):
    n = 300_001
    loss, dx = fl.softmax_cross_entropy(np.zeros((n, 3), dtype), np.full(n, 2))
    assert loss == pytest.approx(np.log(3), rel=4 * float(np.finfo(dtype).eps))
    kit.assert_close(dx, np.tile(np.array([1, 1, -2]) / np.longdouble(3 * n), (n, 1)), ulps=4)


@pytest.mark.parametrize("dtype", kit.REAL)
def test_cross_entropy_error(dtype):
    y = np.array([[0.1, 0.05, 0.6, 0.25], [0, 0.5, 0, 0.5]]).astype(dtype)
    wide = y.astype(np.exp(y).dtype)
    for t in (np.array([2, 0]), np.array([[0, 0, 1, 0], [1, 0, 0, 0]]), np.array([[0.25, 0, 1, 0.5], [1, 0, 2, 0]])):
        weights = t if t.ndim == 2 else np.eye(4)[t]
        expected = -(weights * np.log(wide + 1e-7)).sum() / 2
        error = fl.cross_entropy_error(y, t)
        assert type(error) is float
        assert error == pytest.approx(float(expected), rel=4 * float(np.finfo(wide.dtype).eps))
    assert fl.cross_entropy_error(y[0], 2) == fl.cross_entropy_error(y[0], [0, 0, 1, 0])


def narrow_targets(kind, rows, classes, dtype):
    """Targets of a kind, and the options that go with it."""
    labels = np.arange(rows) % classes
    return {
        "labels": (labels, {}),
        "targets": (soft_targets((rows, classes), dtype), {}),
        "weighted targets": (soft_targets((rows, classes), dtype), {"weight": np.arange(1, classes + 1, dtype=dtype)}),
        "smoothed labels": (labels, {"label_smoothing": 0.1}),
    }[kind]


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 30, 31, 32, 33])
@pytest.mark.parametrize("kind", ["labels", "targets", "weighted targets", "smoothed labels"])
def test_many_narrow_rows_and_few(implementation, dtype, classes, kind):
    """Rows of fewer than 32 classes are done 32 at a time; each comes out as if it were alone, beside odd ones too."""
    eps = float(np.finfo(dtype).eps)
    for rows in (1, 15, 16, 17, 31, 32, 33, 64, 100, 300):
        x = kit.numbers((rows, classes), dtype) * 3
        x[rows // 2, classes // 2] = 60
        t, options = narrow_targets(kind, rows, classes, dtype)
        loss, dx = fl.softmax_cross_entropy(x, t, **options)
        alone = [fl.softmax_cross_entropy(x[[row]], t[[row]], **options) for row in range(rows)]
        assert loss == pytest.approx(math.fsum(row_loss for row_loss, _ in alone) / rows, rel=4 * eps, abs=0)
        apart = np.concatenate([row_dx for _, row_dx in alone])
        # A gradient of targets is a difference of terms as large as these.
        terms = 0 if kind == "labels" else eps * 4 * max(1, np.max(t)) * max(options.get("weight", [1]))
        np.testing.assert_allclose(dx * rows, apart, rtol=8 * eps, atol=rows * float(np.finfo(dtype).tiny) + terms)
        if not options:
            assert loss == pytest.approx(expected_loss(x, t)[0], rel=4 * eps, abs=1e-18)
        in_place = x.copy()
        again, _ = fl.softmax_cross_entropy(in_place, t, out=in_place, **options)
        assert again == loss
        np.testing.assert_array_equal(in_place, dx)
        odd = x.copy()
        odd[0], odd[-1, -1] = -np.inf, np.nan
        odd_rows = {0, rows - 1}
        odd_loss, odd_dx = fl.softmax_cross_entropy(odd, t, **options)
        assert np.isnan(odd_loss)
        for row in range(rows):
            if row in odd_rows:
                assert np.isnan(odd_dx[row]).all()
            else:
                np.testing.assert_array_equal(odd_dx[row], dx[row])


def test_one_label_in_a_row_of_its_own(implementation):
    """As chapter 7 of the book has it; a longer column is refused."""
    x, t = np.random.default_rng(0).standard_normal((1, 5)), np.array([[3]])
    layer = fl.SoftmaxWithLoss()
    assert layer.forward(x, t) == fl.softmax_cross_entropy(x, t[0])[0]
    for _ in range(2):
        np.testing.assert_array_equal(layer.backward(), fl.softmax_cross_entropy(x, t[0])[1])
