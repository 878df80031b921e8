"""What a network is worth: its loss as it predicts, weighted if asked to; its accuracy as the loss has it."""

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, WEIGHTS, Noise, Squares, X, network, same, with_one

import fastlayers as fl
from fastlayers.testing import numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")


def test_the_loss_is_that_of_the_predictions_and_the_gradient_that_of_the_training():
    noisy, plain = network(loss=Squares()), network(loss=Squares())
    noisy.layers.append(Noise())
    assert noisy.loss(X, ONE_HOT) == plain.loss(X, ONE_HOT)
    loss, grads = noisy.gradient(X, ONE_HOT)
    assert loss == pytest.approx(plain.loss(X, ONE_HOT - 1), rel=1e-13)
    for grad, true in zip(grads, plain.gradient(X, ONE_HOT - 1)[1], strict=True):
        np.testing.assert_allclose(grad, true, rtol=1e-10, atol=1e-13)


def test_the_loss_leaves_what_backward_needs():
    net = network()
    _, expected = net.gradient(X, LABELS)
    dout = net.loss_layer.backward()
    net.loss(X[:3], LABELS[:3])
    for layer in reversed(net.layers):
        dout = layer.backward(dout)
    np.testing.assert_array_equal(net.layers[0].dW, expected[0])


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS.tolist(), np.arange(50)])
def test_sample_weights(weights):
    net, weighted = network(), np.asarray(weights)
    each = network(loss=fl.SoftmaxWithLoss(reduction="none")).loss(X, LABELS)
    loss, grads = net.gradient(X, LABELS, weights)
    assert loss == net.loss(X, LABELS, weights) == net.loss(X, LABELS, sample_weight=weights)
    assert loss == pytest.approx(np.average(each, weights=weighted), rel=1e-12)
    for param, grad in zip(net.params, grads, strict=True):
        true = numerical_gradient(lambda _: net.loss(X, LABELS, weights), param)
        np.testing.assert_allclose(grad, true, rtol=1e-5, atol=1e-8)


def test_a_weighted_step():
    ours, hand = network(), network()
    loss = ours.train_step(X, LABELS, fl.SGD(0.1), WEIGHTS)
    assert loss == hand.loss(X, LABELS, WEIGHTS)
    fl.SGD(0.1).update(hand.params, hand.gradient(X, LABELS, sample_weight=WEIGHTS)[1])
    assert same(ours, hand)


def test_weights_of_each_sample_count_as_so_many_samples():
    times = np.arange(50) % 3
    x, t = X.repeat(times, axis=0), LABELS.repeat(times)
    assert network().loss(X, LABELS, times) == pytest.approx(network().loss(x, t), rel=1e-13)


@pytest.mark.parametrize("call", ["loss", "gradient"])
def test_a_loss_that_knows_of_no_weights_is_given_none(call):
    net = network(loss=Squares())
    assert getattr(net, call)(X, ONE_HOT)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        getattr(net, call)(X, ONE_HOT, WEIGHTS)


def test_accuracy_is_the_losss_own_where_it_has_one():
    class Positive(Squares):
        def accuracy(self, scores, t):
            return np.mean((scores > 0) == t)

    net = network(loss=Positive())
    accuracy = net.accuracy(X, ONE_HOT)
    assert type(accuracy) is float
    assert accuracy == np.mean((net.predict(X) > 0) == ONE_HOT)


@pytest.mark.parametrize("ignored", [-100, 1])
def test_accuracy_without_what_the_loss_ignores(ignored):
    net = network(loss=fl.SoftmaxWithLoss(ignore_index=ignored))
    labels = np.where(np.arange(50) % 4 == 0, ignored, LABELS)
    counted = labels != ignored
    expected = network().accuracy(X[counted], labels[counted])
    assert net.accuracy(X, labels) == net.accuracy(X, labels.tolist()) == expected
    assert np.isnan(net.accuracy(X, np.full(50, ignored)))
    assert net.accuracy(X, ONE_HOT) == network().accuracy(X, LABELS)
    with pytest.raises(ValueError, match="label 7 at row"):
        net.accuracy(X, np.where(counted, 7, labels))


@pytest.mark.parametrize("place", [(), (slice(None), 1), (slice(None), 0), (slice(3), 2)])
def test_scores_with_nan_are_wrong(place):
    """Whatever the label: the largest of a row is then where the first nan is."""
    scores = with_one(10 * ONE_HOT, place or slice(None), np.nan)
    right = ~np.isnan(scores).any(axis=1)
    net = fl.Sequential([Noise()], fl.SoftmaxWithLoss())
    for t in (LABELS, ONE_HOT, LABELS.tolist()):
        assert net.accuracy(scores, t) == right.mean()
    net.layers[0].W, net.layers[0].dW = np.ones(1), np.zeros(1)  # something to train
    history = net.fit(scores, LABELS, 1, validation_data=(scores, LABELS), on_nonfinite="ignore")
    assert history.validation_accuracy == [right.mean()]


def test_logits_that_are_nan_are_on_neither_side():
    logits, sides = np.array([[np.nan], [np.nan], [2.0], [-2.0], [0.0]]), np.array([[0], [1], [1], [0], [0]])
    assert fl.Sequential([Noise()], fl.SigmoidWithLoss()).accuracy(logits, sides) == 3 / 5
