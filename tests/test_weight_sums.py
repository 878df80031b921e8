"""A mean divides by the sum of its weights: one that is infinite is refused, wherever the weights come from."""

import re

import kit
import numpy as np
import pytest
from ranks import on_ranks

import fastlayers as fl

LARGE = 1e308  # twice this is infinite
LABELS = np.arange(4) % 3
SOFT = np.full((4, 3), 1 / 3)
YES = np.ones((4, 3))
CASES = {
    "infinite": (LABELS, {"sample_weight": [1, np.inf, 1, 1]}, "sample_weight .* the samples, not inf"),
    "minus infinite": (LABELS, {"sample_weight": [1, -np.inf, 1, 1]}, "sample_weight .* the samples, not -inf"),
    "overflow": (LABELS, {"sample_weight": [LARGE] * 4}, "sample_weight .* the samples, not inf"),
    "beside targets": (SOFT, {"sample_weight": [LARGE] * 4}, "sample_weight .* the samples, not inf"),
    "smoothed": (LABELS, {"sample_weight": [LARGE] * 4, "label_smoothing": 0.1}, "sample_weight .* not inf"),
    "classes": (LABELS, {"weight": [LARGE] * 3}, "weight .* the classes, not inf"),
    "infinite class": (LABELS * 0, {"weight": [1, 1, np.inf]}, "weight .* the classes, not inf"),
    "classes of targets": (SOFT, {"weight": [LARGE, LARGE, 1]}, "weight .* the classes, not inf"),
    "labels": (LABELS * 0, {"weight": [LARGE, 1, 1]}, "weight .* the samples, not inf"),
    "both": (LABELS, {"weight": [1e200] * 3, "sample_weight": [1e200] * 4}, "weight times sample_weight .* not inf"),
    "of weight 0": (LABELS, {"weight": [0, 1, 1], "sample_weight": [np.inf] * 4}, "sample_weight .* the samples"),
}
PAIRED = {
    "mean_squared_error": fl.MeanSquaredError,
    "huber_loss": fl.HuberLoss,
    "sigmoid_cross_entropy": fl.SigmoidWithLoss,
}
REPEATED = pytest.mark.parametrize("times", [1, 12])  # 16 rows and more are done side by side


def refused(function, *args, **options):
    """The message."""
    with pytest.raises(ValueError, match="must have a finite sum over") as raised:
        function(*args, **options)
    return str(raised.value)


def repeated(t, options, times):
    options = {name: np.tile(v, times) if name == "sample_weight" else v for name, v in options.items()}
    return np.concatenate([t] * times), options


@REPEATED
@pytest.mark.parametrize("as_arrays", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_cross_entropy(implementation, case, as_arrays, times):
    t, options, message = CASES[case]
    t, options = repeated(t, options, times)
    if as_arrays:
        options = {name: np.asarray(v, float) if np.ndim(v) else v for name, v in options.items()}
    x = kit.numbers((4 * times, 3), np.float64)
    out = np.full_like(x, 7.0)
    given = refused(fl.softmax_cross_entropy, x, t, **options, out=out)
    assert np.all(out == 7)
    assert given == refused(fl.reference.softmax_cross_entropy, x, t, **options)
    assert re.search(message, given)
    of_samples = options.pop("sample_weight", None)
    layer = fl.SoftmaxWithLoss(**options)
    assert refused(layer.forward, x, t, of_samples) == given
    assert layer.loss is layer.y is None


@REPEATED
@pytest.mark.parametrize("weights", [[1, np.inf, 1, 1], [LARGE] * 4, [LARGE / 2, LARGE / 2, 1, 1]], ids=str)
@pytest.mark.parametrize("name", PAIRED)
def test_paired_losses(implementation, name, weights, times):
    """A sample's weight counts for each of its three numbers."""
    t, options = repeated(YES, {"sample_weight": np.array(weights)}, times)
    x = kit.numbers(t.shape, np.float64)
    out = np.full_like(x, 7.0)
    given = refused(getattr(fl, name), x, t, **options, out=out)
    assert given == "sample_weight must have a finite sum over the numbers of all samples, not inf"
    assert np.all(out == 7)
    assert given == refused(getattr(fl.reference, name), x, t, **options)
    layer = PAIRED[name]()
    assert refused(layer.forward, x, t, options["sample_weight"]) == given
    assert layer.loss is None


def test_one_dtype_is_summed_in_float64(implementation):
    """As the mean is: float32 weights that overflow a float32."""
    x, weights = kit.numbers((40, 3), np.float32), np.full(40, 3e38, np.float32)
    t = np.arange(40) % 3
    plain, options = fl.softmax_cross_entropy(x, t)[0], {"sample_weight": weights}
    assert fl.softmax_cross_entropy(x, t, **options)[0] == pytest.approx(plain, rel=1e-6)
    assert fl.softmax_cross_entropy(x, t, weight=weights[:3])[0] == pytest.approx(plain, rel=1e-6)
    assert fl.mean_squared_error(x, x + 1, **options)[0] == pytest.approx(1, rel=1e-5)
    weights[7] = np.inf
    assert "not inf" in refused(fl.softmax_cross_entropy, x, t, **options)
    assert "not inf" in refused(fl.mean_squared_error, x, x, **options)


@REPEATED
def test_what_has_no_mean_or_does_not_count_in_it(implementation, times):
    t, options = repeated(LABELS, {"sample_weight": np.array([LARGE, 1, np.inf, 1])}, times)
    x = kit.numbers((4 * times, 3), np.float64)
    losses, dx = fl.softmax_cross_entropy(x, t, **options, reduction="none")
    plain, plain_dx = fl.softmax_cross_entropy(x, t, reduction="none")
    with np.errstate(over="ignore"):
        kit.assert_close(losses, plain * options["sample_weight"])
        kit.assert_close(dx[::4], plain_dx[::4] * LARGE)
        assert fl.softmax_cross_entropy(x, t, **options, reduction="sum")[0] == np.inf
        assert fl.mean_squared_error(x, x + 1, **options, reduction="sum")[0] == np.inf
    options["sample_weight"][0::4] = 2.0  # and the infinite ones are those of an ignored label
    options["ignore_index"] = 2
    keep = t != 2
    loss, dx = fl.softmax_cross_entropy(x, t, **options)
    kept, kept_dx = fl.softmax_cross_entropy(x[keep], t[keep], sample_weight=options["sample_weight"][keep])
    assert loss == pytest.approx(kept, rel=1e-14)
    assert not dx[~keep].any()
    np.testing.assert_allclose(dx[keep], kept_dx, rtol=1e-14)


def test_a_sum_of_0_or_of_nan_stays_nan(implementation):
    x = kit.numbers((4, 3), np.float64)
    for weights in (np.zeros(4), np.array([1, np.nan, 1, 1])):
        assert np.isnan(fl.softmax_cross_entropy(x, LABELS, sample_weight=weights)[0])
        assert np.isnan(fl.mean_squared_error(x, YES, sample_weight=weights)[0])


# Who trains


def network(loss=None):
    return fl.Sequential([fl.Affine(np.linspace(-1, 1, 6).reshape(2, 3))], loss or fl.SoftmaxWithLoss())


X = np.random.default_rng(0).standard_normal((4, 2))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_fit(implementation, batch_size):
    """Whether or not the weights of a batch by themselves have a sum."""
    net = network()
    before = net.params[0].copy()
    message = refused(net.fit, X, LABELS, sample_weight=[LARGE] * 4, batch_size=batch_size)
    assert message == "sample_weight must have a finite sum over the samples, not inf"
    data = {"validation_data": (X, LABELS, [LARGE] * 4)}
    assert "validation sample_weight must" in refused(net.fit, X, LABELS, **data, batch_size=batch_size)
    np.testing.assert_array_equal(net.params[0], before)


@pytest.mark.thread_unsafe(reason="has threads of its own")
@pytest.mark.usefixtures("without_mpi4py")
@pytest.mark.parametrize("loss", [fl.SoftmaxWithLoss, fl.MeanSquaredError])
@pytest.mark.parametrize("weights", [[0.48 * LARGE] * 4, [1, np.inf, 1, 1], [1, 1, LARGE, LARGE]], ids=str)
def test_all_ranks_together(implementation, loss, weights):
    """Also where no rank's own sum overflows."""
    from fastlayers.mpi import DataParallel, RankError

    t = LABELS if loss is fl.SoftmaxWithLoss else YES

    def step(comm):
        net = DataParallel(network(loss()), comm)
        part = slice(2 * comm.rank, 2 * comm.rank + 2)
        with np.errstate(over="ignore"):  # of the ranks' sum, which here is NumPy's
            try:
                net.train_step(X[part] / 100, t[part], fl.SGD(), np.array(weights)[part])
            finally:
                np.testing.assert_array_equal(net.params[0], network().params[0])

    found = on_ranks(2, step)
    message = "sample_weight must have a finite sum over the samples, not inf"
    if weights[0] > 1:
        message = "the weights must have a finite sum over the samples of all ranks, not inf"
        assert [type(error) for error in found] == [ValueError, ValueError]
    assert all(isinstance(error, ValueError | RankError) and str(error).endswith(message) for error in found)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_estimators(implementation, solver):
    pytest.importorskip("sklearn")
    from fastlayers import sklearn as estimators

    classifier = estimators.MLPClassifier(solver=solver)
    options = {"sample_weight": [LARGE] * 4}
    assert refused(classifier.fit, X, LABELS, **options).startswith("sample_weight must have a finite sum")
    classifier.class_weight = {0: LARGE, 1: LARGE, 2: 1}
    assert "not inf" in refused(classifier.fit, X, LABELS)
    for loss in ("squared_error", "poisson"):
        assert "not inf" in refused(estimators.MLPRegressor(loss=loss, solver=solver).fit, X, LABELS, **options)
