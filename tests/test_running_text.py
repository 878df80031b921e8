"""Text that goes on from batch to batch: how it is cut, and fits of layers whose state goes on with it."""

import copy
import math
import operator

import kit
import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.mpi import DataParallel
from fastlayers.training import evaluation, running_text

CORPUS = np.random.default_rng(0).integers(0, 9, 44)
B, S = 3, 4  # rows, and words of each in a batch


class Memory:
    """Adds up what it is given of each row, and has seen it all."""

    stateful = True
    h = None

    def __init__(self):
        self.seen, self.states = [], []

    def reset_state(self):
        self.h = None

    def forward(self, x):
        h = np.zeros(len(x)) if self.h is None or not self.stateful else self.h
        self.seen.append(np.array(x))
        self.states.append(h)
        self.h = h + x.sum(axis=1)
        return x + 0.01 * h[:, np.newaxis]

    def backward(self, dout):
        return dout


def network():
    return fl.Sequential([Memory(), fl.Affine(0.1 * np.eye(S))], fl.MeanSquaredError())


def batches_of_the_book(corpus, batch_size, time_size, epochs):
    """As its trainer cuts them: `get_batch` of RnnlmTrainer."""
    xs, ts, time_index = corpus[:-1], corpus[1:], 0
    jump = len(xs) // batch_size
    for _ in range(epochs * (len(xs) // (batch_size * time_size))):
        places = [[(i * jump + time_index + j) % len(xs) for j in range(time_size)] for i in range(batch_size)]
        time_index += time_size
        yield xs[places], ts[places]


@pytest.mark.parametrize("words", [13, 36, 37, 44, 60])
def test_batches_are_those_of_the_book(words):
    corpus = np.arange(words, dtype=np.int32)
    text = running_text(corpus, B, S)
    true = [*batches_of_the_book(corpus, B, S, epochs=5)]
    for i in range(2):
        ours = np.concatenate([text.epoch(number)[i] for number in range(5)])
        np.testing.assert_array_equal(ours, np.concatenate([batch[i] for batch in true]))
        assert ours.dtype == corpus.dtype
    assert 5 * text.steps == len(true)


@pytest.mark.parametrize(
    ("args", "error", "said"),
    [
        ((CORPUS, 11, 4), ValueError, "corpus has 44 words, too few for a batch of 11 times 4, which takes 45"),
        ((CORPUS.reshape(4, 11), 2, 2), ValueError, r"corpus must have shape \(words,\), not \(4, 11\)"),
        ((CORPUS * 1.0, 2, 2), TypeError, "corpus must hold integers, not float64"),
        ((CORPUS, 0, 2), ValueError, "batch_size must be 1 or more, not 0"),
    ],
)
def test_what_cannot_be_cut(args, error, said):
    with pytest.raises(error, match=said):
        running_text(*args)


def test_a_fit_reads_on_through_the_epochs_with_its_state(implementation):
    net = network()
    net.fit(running_text(CORPUS, B, S), epochs=3, optimizer=fl.SGD(0.01), batch_size=100)
    memory = net.layers[0]
    true = [x for x, _ in batches_of_the_book(CORPUS, B, S, epochs=3)]
    np.testing.assert_array_equal(memory.seen, true)
    np.testing.assert_array_equal(memory.states, np.cumsum([np.zeros((B, S)), *true[:-1]], axis=0).sum(axis=2))


def test_arrays_begin_each_epoch_from_zero(implementation):
    x, t = running_text(CORPUS, B, S)
    net = network()
    net.layers[0].h = np.ones(17)
    net.fit(x, t, epochs=2, batch_size=B, optimizer=fl.SGD(0.01), shuffle=False)
    sums = np.cumsum([np.zeros((B, S)), *x.reshape(-1, B, S)[:-1]], axis=0).sum(axis=2)
    np.testing.assert_array_equal(net.layers[0].states, [*sums, *sums])


def test_ranks_read_their_rows_on(implementation, without_mpi4py):
    text, alone = running_text(CORPUS, B, S), network()
    options = {"epochs": 3, "validation_data": text}
    history = alone.fit(text, optimizer=fl.Momentum(0.01, clip_norm=0.5), **options)
    nets = [network() for _ in range(2)]

    def fit(comm):
        return DataParallel(nets[comm.rank], comm).fit(text, optimizer=fl.Momentum(0.01, clip_norm=0.5), **options)

    for ours in results_on_ranks(2, fit):
        np.testing.assert_allclose(ours.perplexity, history.perplexity, rtol=1e-10)
        np.testing.assert_allclose(ours.validation_loss, history.validation_loss, rtol=1e-10)
    np.testing.assert_allclose(nets[1].params[0], alone.params[0], rtol=1e-10)


def test_validation_begins_from_zero_and_leaves_the_state_of_the_training():
    text, other = running_text(CORPUS, B, S), running_text(CORPUS[::-1].copy(), 2, S)
    nets = [network() for _ in range(3)]
    histories = [
        net.fit(text, epochs=2, optimizer=fl.SGD(0.01), validation_data=validation)
        for net, validation in zip(nets, (None, other, (other.epoch()[0], other.epoch()[1])), strict=True)
    ]
    assert histories[0].loss == histories[1].loss == histories[2].loss
    # Text goes on from batch to batch, and each row of arrays is by itself.
    by_hand = copy.deepcopy(nets[0])
    x, t = other
    for history, rows in ((histories[1], 2), (histories[2], len(x))):
        by_hand.reset_state()
        losses = [by_hand.loss(x[i : i + rows], t[i : i + rows]) for i in range(0, len(x), rows)]
        assert history.validation_loss[-1] == pytest.approx(np.mean(losses))
        assert history.validation_perplexity == [math.exp(loss) for loss in history.validation_loss]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"layer 0.0, Memory, is stateful, but the samples are shuffled: shuffle must be False, or"),
        ({"shuffle": False, "batch_size": 4}, "takes batches of one size: 9 samples must be whole batches of 4"),
    ],
)
def test_batches_that_do_not_go_on_are_refused(options, said):
    x, t = running_text(CORPUS, B, S)
    net = fl.Sequential([network()], fl.MeanSquaredError())
    with pytest.raises(ValueError, match=said):
        net.fit(x, t, epochs=1, **options)
    assert not net.layers[0].layers[0].seen
    net.layers[0].layers[0].stateful = False
    net.fit(x, t, epochs=1, optimizer=fl.SGD(0.01), **options)


def test_labels_and_text():
    text = running_text(CORPUS, B, S)
    with pytest.raises(TypeError, match="t is missing"):
        network().fit(text.epoch()[0])
    with pytest.raises(TypeError, match="running text has labels of its own"):
        network().fit(text, text.epoch()[1])


def test_a_state_is_kept_from_prediction_to_prediction_and_reset_wherever_it_is():
    net = fl.Sequential([network(), fl.Relu()])
    memory, x = net.layers[0].layers[0], np.ones((2000, S))
    net.predict(x, batch_size=100)  # at once: a state has a row for each sample
    net.predict(x)
    np.testing.assert_array_equal(memory.h, np.full(2000, 2.0 * S))
    net.reset_state()
    assert memory.h is None


def recurrent(kind, gates, number, D, H, dtype=np.float64, **options):
    shapes = [(D, gates * H), (H, gates * H), (gates * H,)] * number
    return kind(*(kit.numbers(shape, dtype, seed) / 4 for seed, shape in enumerate(shapes)), **options)


def test_one_step_at_a_time_is_all_steps_at_once(implementation):
    """For generation, and for control: where the layers are stateful."""
    inner = fl.Sequential(
        [recurrent(fl.TimeGRU, 3, 1, 4, 5, stateful=True), recurrent(fl.TimeRNN, 1, 1, 5, 6, stateful=True)]
    )
    net = fl.Sequential(
        [recurrent(fl.TimeLSTM, 4, 1, 3, 4, stateful=True), inner, fl.TimeAffine(np.ones((6, 2)), np.ones(2))]
    )
    x = kit.numbers((2, 7, 3), np.float64)
    whole = net.predict(x)
    net.reset_state()
    steps = [net.predict(x[:, i : i + 1]) for i in range(7)]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), whole, rtol=1e-12)
    with pytest.raises(ValueError, match=r"call reset_state\(\) first"):
        net.predict(x[:1])


def test_a_fit_of_a_language_model_takes_the_steps_of_the_books_trainer(implementation):
    """The table of words gives the scores too; the book merges both gradients, clips all, and goes on in the text."""

    def model():
        W, lstm = kit.numbers((9, 5), np.float64), recurrent(fl.TimeLSTM, 4, 1, 5, 5, stateful=True)
        return fl.Sequential([fl.TimeEmbedding(W), lstm, fl.TimeAffine(W.T, np.zeros(9))], fl.TimeSoftmaxWithLoss())

    net, by_hand, losses = model(), model(), []
    history = net.fit(running_text(CORPUS, B, S), epochs=3, optimizer=fl.SGD(1.0, clip_norm=0.2))
    for x, t in batches_of_the_book(CORPUS, B, S, epochs=3):
        loss, (table, *others, scores, b) = by_hand.gradient(x, t)
        losses.append(loss)
        grads = [table + scores.T, *others, b]
        fl.clip_grads(grads, 0.2)
        params = by_hand.params
        for param, grad in zip([*params[:-2], params[-1]], grads, strict=True):
            param -= grad
    np.testing.assert_allclose(history.loss, np.mean(np.reshape(losses, (3, -1)), axis=1), rtol=1e-9)
    for ours, true in zip(net.params, by_hand.params, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(net.layers[1].h, by_hand.layers[1].h, rtol=1e-9)


def test_a_validation_leaves_every_state_as_it_was(implementation):
    layer = recurrent(fl.TimeBiLSTM, 4, 2, 3, 4, stateful=True)
    net = fl.Sequential([layer, fl.Affine(np.ones((7 * 8, 1)))], fl.MeanSquaredError())
    x, t = kit.numbers((4, 7, 3), np.float64), np.ones(4)
    net.predict(x)
    before = [(lstm.h, lstm.c) for lstm in (layer.forward_lstm, layer.backward_lstm)]
    assert evaluation.validated(net, x, t, None) == evaluation.validated(net, x, t, None)
    after = [(lstm.h, lstm.c) for lstm in (layer.forward_lstm, layer.backward_lstm)]
    for ours, true in zip(after, before, strict=True):
        assert all(map(operator.is_, ours, true))


def test_perplexity_beyond_a_float():
    history = fl.History(loss=[1.0, 1e4, math.nan])
    assert history.perplexity[:2] == [math.e, math.inf]
    assert math.isnan(history.perplexity[2])
