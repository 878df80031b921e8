"""Losses with a label at each step: what the book's have, ignored labels, masks; and networks that end in them."""

import kit
import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.mpi import DataParallel
from fastlayers.testing import check_gradients

N, T, V = 4, 3, 3  # as many steps as classes: these must not be taken for each other
X = kit.numbers((N, T, V), np.float64)
LABELS = np.random.default_rng(2).integers(0, V, (N, T))
SOME = np.where(np.arange(N * T).reshape(N, T) % 3 == 0, -1, LABELS)  # ignored
WRONG = LABELS.copy()
WRONG[2, 1] = V


def by_the_book(x, t, ignored=-1):
    """Loss and gradient, as ``common/time_layers.py`` has them."""
    rows, labels = x.reshape(-1, V), t.reshape(-1)
    y = np.exp(rows - rows.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    mask = labels != ignored
    loss = -np.sum(np.log(y[np.arange(len(rows)), labels]) * mask) / mask.sum()
    y[np.arange(len(rows)), labels] -= 1
    return loss, (y / mask.sum() * mask[:, np.newaxis]).reshape(x.shape)


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize("ignored", [-1, 1, 100])
def test_it_is_the_books(implementation, dtype, ignored):
    t = np.where(SOME == -1, ignored, LABELS) if ignored < V else LABELS
    x, layer = X.astype(dtype), fl.TimeSoftmaxWithLoss()
    layer.ignore_label = ignored
    loss, dx = by_the_book(x.astype(np.float64), t, ignored)
    tolerance = 1e-2 if dtype == np.float16 else 1e-5 if dtype == np.float32 else 1e-12
    assert layer.forward(x, t) == pytest.approx(loss, rel=tolerance)
    assert type(layer.loss) is float
    assert layer.t is t
    np.testing.assert_allclose(layer.y.sum(axis=-1), np.ones((N, T)), rtol=tolerance)
    first = layer.backward()
    assert first.dtype == dtype
    np.testing.assert_allclose(first, dx, rtol=tolerance, atol=tolerance)
    kit.assert_same(layer.backward(), first)
    np.testing.assert_allclose(layer.backward(-2), -2 * dx, rtol=tolerance, atol=2 * tolerance)
    one_hot = np.eye(V, dtype=np.int32)[t] if ignored != -1 else None
    if one_hot is not None:
        assert layer.forward(x, one_hot) == pytest.approx(loss, rel=tolerance)
        kit.assert_same(layer.backward(), first)
        kit.assert_same(layer.backward(), first)


@pytest.mark.parametrize("t", [LABELS.astype(np.uint8), SOME, np.asfortranarray(SOME.astype(np.int16)), SOME.tolist()])
def test_labels_of_any_kind(implementation, t):
    layer = fl.TimeSoftmaxWithLoss()
    loss, dx = by_the_book(X, np.asarray(t, np.int64))
    for x in (X, np.asfortranarray(X), X[:, ::-1][:, ::-1]):
        assert layer.forward(x, t) == pytest.approx(loss, rel=1e-13)
        np.testing.assert_allclose(layer.backward(), dx, atol=1e-13)
    assert check_gradients(layer, X, t) < 1e-7


def test_what_does_not_count_has_no_part(implementation):
    x = X.copy()
    x[SOME == -1] = np.inf
    layer = fl.TimeSoftmaxWithLoss()
    loss = layer.forward(x, SOME)
    assert loss == pytest.approx(by_the_book(X, SOME)[0], rel=1e-13)
    assert not layer.backward()[SOME == -1].any()
    # A mask says the same, and so does each step's own loss.
    mask = (SOME != -1).astype(np.float64)
    assert layer.forward(X, LABELS, mask) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(layer.backward(), by_the_book(X, SOME)[1], atol=1e-13)
    np.testing.assert_allclose(layer.backward(), by_the_book(X, SOME)[1], atol=1e-13)
    each = fl.TimeSoftmaxWithLoss(reduction="none")
    losses = each.forward(X, SOME)
    assert losses.shape == (N, T)
    assert losses.sum() / mask.sum() == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(each.backward(mask / mask.sum()), by_the_book(X, SOME)[1], atol=1e-13)
    assert fl.TimeSoftmaxWithLoss(reduction="sum").forward(X, SOME) == pytest.approx(losses.sum(), rel=1e-13)


@pytest.mark.parametrize("shape", [(N, T, V), (0, T, V), (N, 0, V), (0, 0, 0)])
def test_of_no_step_that_counts_it_is_nan_as_elsewhere(implementation, shape):
    layer, t = fl.TimeSoftmaxWithLoss(), np.full(shape[:-1], -1)
    rows = fl.SoftmaxWithLoss(ignore_index=-1)
    assert np.isnan(layer.forward(np.ones(shape), t))
    assert np.isnan(rows.forward(np.ones((t.size, shape[-1])), t.reshape(-1)))
    for _ in range(2):
        kit.assert_same(layer.backward(), rows.backward().reshape(shape))


WEIGHTS = np.ones(N * T)
TWO, OTHER, HALF = (np.eye(V)[LABELS] for _ in range(3))
TWO[1, 2] = 1, 1, 0
OTHER[3, 0] = 1, 2, 0
HALF[0, 1] = 0, 0.5, 0
REFUSED = {
    "a label": ((X, WRONG), ValueError, r"label 3 at index \(2, 1\) is outside \[0, 3\)"),
    "labels of floats": ((X, LABELS * 1.0), TypeError, "labels t must be integers, not float64"),
    "fewer steps": ((X, LABELS[:, :2]), ValueError, r"t of shape \(4, 2\) does not fit x of shape \(4, 3, 3\)"),
    "the classes before": ((X[:, :, :2], LABELS[:, :2]), ValueError, r"must be labels of shape \(4, 3\), or one-hot"),
    "soft": ((X, np.full(X.shape, 1 / 3)), ValueError, r"t of shape \(4, 3, 3\) is not one-hot at index \(0, 0\)"),
    "steps before samples": ((X, LABELS.T), ValueError, r"t of shape \(3, 4\) does not fit x of shape \(4, 3, 3\)"),
    "two classes": ((X, TWO), ValueError, r"is not one-hot at index \(1, 2\)"),
    "a one and another": ((X, OTHER), ValueError, r"is not one-hot at index \(3, 0\)"),
    "half a class": ((X, HALF), ValueError, r"is not one-hot at index \(0, 1\)"),
    "weights in a row": ((X, LABELS, WEIGHTS), ValueError, r"sample_weight of shape \(12,\) does not fit"),
    "no axis": ((1.0, 0), ValueError, "x is 0-dimensional"),
}


@pytest.mark.parametrize(("given", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(implementation, given, error, message):
    with pytest.raises(error, match=message):
        fl.TimeSoftmaxWithLoss().forward(*given)


def test_a_label_to_ignore_is_an_integer(implementation):
    for wrong in (None, 0.5):
        with pytest.raises(TypeError, match="ignore_label must be an integer"):
            fl.TimeSoftmaxWithLoss(ignore_label=wrong).forward(X, LABELS)


def test_the_sigmoid_is_the_books(implementation):
    """The mean over the steps of each step's `SigmoidWithLoss`."""
    x, t = X[:, :, 0].copy(), LABELS > 0
    layer, steps = fl.TimeSigmoidWithLoss(), [fl.SigmoidWithLoss() for _ in range(T)]
    losses = [step.forward(x[:, i].copy(), t[:, i]) for i, step in enumerate(steps)]
    assert layer.forward(x, t) == pytest.approx(np.mean(losses), rel=1e-13)
    expected = np.stack([step.backward(1 / T) for step in steps], axis=1)
    np.testing.assert_allclose(layer.backward(), expected, rtol=1e-13)


# Networks that end in one


def words(dtype=np.float64):
    table, W = kit.numbers((7, 4), dtype, 3), kit.numbers((4, V), dtype, 4)
    return fl.Sequential([fl.TimeEmbedding(table), fl.Tanh(), fl.TimeAffine(W)], fl.TimeSoftmaxWithLoss())


RNG = np.random.default_rng(0)
IDX = RNG.integers(0, 7, (30, T))
WANTED = np.where(RNG.random((30, T)) < 0.3, -1, IDX % V)
WANTED[4:7] = -1  # samples of which nothing counts


@pytest.mark.parametrize("loss", [fl.TimeSoftmaxWithLoss, fl.TimeSigmoidWithLoss])
def test_a_network_is_one_call_with_the_bits_of_each(implementation, loss, monkeypatch):
    net, other = words(np.float32), words(np.float32)
    net.loss_layer, other.loss_layer = loss(), loss()
    t = WANTED if loss is fl.TimeSoftmaxWithLoss else (np.arange(V) == WANTED[..., np.newaxis])
    assert bool(net.compiled) == (implementation != "reference")
    steps = {}
    for fuses, each in ((True, net), (False, other)):
        monkeypatch.setattr(backend, "fuses", fuses)
        steps[fuses] = [each.train_step(IDX, t, fl.SGD(0.5)) for _ in range(3)], each.loss(IDX, t), *each.params
    for ours, its in zip(steps[True], steps[False], strict=True):
        kit.assert_same(np.asarray(ours), np.asarray(its))
    assert steps[True][0][-1] < steps[True][0][0]


def test_a_fit_counts_what_counts(implementation):
    net = words()
    x, t = IDX[:, ::-1], WANTED[:, ::-1]
    history = net.fit(x, t, 40, 3, optimizer=fl.Adam(0.02), validation_data=(x, t), rng=0)
    assert history.loss[-1] < history.loss[0] / 4
    assert history.validation_loss[-1] == pytest.approx(by_the_book(net.predict(x), t)[0], rel=1e-12)
    counted = t != -1
    right = net.predict(x).argmax(axis=-1)[counted] == t[counted]
    assert history.validation_accuracy[-1] == net.accuracy(x, t) == right.mean() > 0.9
    # In an epoch whose steps change nothing, the mean over the batches is that over all steps that count.
    still = net.fit(x, t, 1, 4, optimizer=fl.SGD(0.0), shuffle=False).loss[0]
    assert still == pytest.approx(net.loss(x, t), rel=1e-12)
    masked = net.fit(x, abs(t), 1, 4, optimizer=fl.SGD(0.0), sample_weight=(t != -1) * 1.0)
    one_hot = net.fit(IDX, np.eye(V)[IDX % V], 1, 4, optimizer=fl.SGD(0.0))
    assert masked.loss[0] == pytest.approx(still, rel=1e-12)
    assert one_hot.loss[0] == pytest.approx(net.loss(IDX, IDX % V), rel=1e-12)
    assert net.accuracy(IDX, np.eye(V)[IDX % V]) == net.accuracy(IDX, IDX % V)
    net.loss_layer.ignore_label = 1
    ignoring = net.fit(IDX, np.eye(V)[IDX % V], 1, 4, optimizer=fl.SGD(0.0))
    assert ignoring.loss[0] == pytest.approx(net.loss(IDX, IDX % V), rel=1e-12)


@pytest.mark.parametrize(
    ("t", "weights", "message"),
    [
        (np.where(np.arange(30) == 21, 9, WANTED.T).T, None, r"label 9 at index \(21, 0\) is outside \[0, 3\)"),
        (WANTED[:, :2], None, r"t of shape \(30, 2\) does not fit outputs of shape \(30, 3, 3\)"),
        (WANTED * 0 - 1, None, "none of the 30 samples counts: their labels are ignored"),
        (WANTED, np.ones(30), r"sample_weight of shape \(30,\) does not fit t .*: it must have shape \(30, 3\)"),
    ],
)
def test_a_fit_refuses_before_anything_is_trained(implementation, t, weights, message):
    net = words()
    with pytest.raises(ValueError, match=message):
        net.fit(IDX, t, 1, 4, sample_weight=weights)
    for param, kept in zip(net.params, words().params, strict=True):
        kit.assert_same(param, kept)


@pytest.mark.usefixtures("without_mpi4py")
@pytest.mark.thread_unsafe(reason="has threads of its own")
@pytest.mark.parametrize("weighted", [False, True])
def test_ranks_give_what_one_gives(weighted):
    def fit(net):
        weights = np.linspace(0.1, 1, 90).reshape(30, T) if weighted else None
        history = net.fit(IDX, WANTED, 2, 7, optimizer=fl.SGD(0.1), shuffle=False, sample_weight=weights)
        return history.loss, net.params

    losses, params = fit(words())
    for got, got_params in results_on_ranks(2, lambda comm: fit(DataParallel(words(), comm))):
        np.testing.assert_allclose(got, losses, rtol=1e-11)
        for ours, true in zip(got_params, params, strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-10, atol=1e-12)
