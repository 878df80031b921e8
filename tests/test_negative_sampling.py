"""Words that are drawn for a target, by which probabilities, the same on both paths; and the book's layers."""

import itertools

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.formulas.negative_sampling import alias_table

V, D = 7, 5
W, H = kit.numbers((V, D), np.float64), kit.numbers((4, D), np.float64, 1)
TARGET = np.array([3, 0, 6, 3])
SKEWED = np.array([0.9, 0, 1e-12, 0.05, 0.05, 1e-300, 1e-7])
COUNTS = {"one": [1], "all alike": [1] * 9, "skewed": [10**6, 1, 1, 7, 300, 2], "many": [*range(1, 2000)]}


def corpus_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def sampler_of(p, sample_size, owner=fl, rng=0):
    sampler = owner.UnigramSampler(np.arange(len(p)), 1, 0, rng)
    sampler.word_p = p
    sampler.sample_size = sample_size
    return sampler


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_the_table_has_the_probabilities(counts):
    """A word has its column up to the threshold, and of others what lies above theirs."""
    word_p = np.array(counts) / np.sum(counts)
    table = alias_table(word_p)
    threshold = (table >> np.uint64(32)) / 2.0**32
    alias = (table & np.uint64(2**32 - 1)).astype(int)
    found = threshold + np.bincount(alias, 1 - threshold, len(counts))
    np.testing.assert_allclose(found / len(counts), word_p, rtol=1e-6, atol=1e-9 / len(counts))


@pytest.mark.parametrize("dtype", kit.INTEGERS)
@pytest.mark.parametrize("shape", [(), (0,), (50,), (3, 4)])
def test_both_paths_draw_the_same_words(implementation, shape, dtype):
    """Also where nearly all words are asked for, of which some are too rare to be found by chance."""
    target = np.random.default_rng(0).integers(0, V, shape).astype(dtype)
    for p, sizes in ((np.arange(1.0, V + 1), (0, 1, 3, V - 1)), (SKEWED, (1, 4, 5))):
        for size in sizes:
            ours, true = (sampler_of(p, size, owner).get_negative_sample(target) for owner in (fl, fl.reference))
            kit.assert_same(ours, true)
            assert ours.shape == (*shape, size)
            assert ours.dtype == np.int32
            rows = np.concatenate((target[..., np.newaxis], ours), axis=-1).reshape(-1, size + 1)
            assert all(len({*row}) == size + 1 for row in rows.tolist())
            assert (p[ours] > 0).all()


def test_the_words_of_a_target_are_drawn_without_putting_back(implementation):
    """How often each pair comes, in its order, against what drawing by the probabilities of those left gives."""
    p, target, draws = np.array([0.5, 0.25, 0.15, 0.1]), 1, 200_000 if implementation != "reference" else 20_000
    found = sampler_of(p, 2).get_negative_sample(np.full(draws, target))
    counts = np.bincount(4 * found[:, 0] + found[:, 1], minlength=16).reshape(4, 4)
    expected = np.zeros((4, 4))
    for first, second in itertools.permutations([0, 2, 3], 2):
        expected[first, second] = p[first] / (1 - p[target]) * p[second] / (1 - p[target] - p[first])
    deviation = np.sqrt(draws * expected * (1 - expected))
    assert (np.abs(counts - draws * expected) <= 4.5 * deviation).all()


def test_what_is_drawn_depends_on_the_rng_alone(implementation):
    target = np.arange(V)
    drawn = [sampler_of(np.ones(V), 3, rng=seed).get_negative_sample(target) for seed in (1, 1, 2)]
    kit.assert_same(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    sampler = sampler_of(np.ones(V), 3)
    assert (sampler.get_negative_sample(target) != sampler.get_negative_sample(target)).any()


def test_the_sampler_as_the_book_has_it(implementation):
    corpus = [0, 1, 2, 3, 4, 1, 2, 3, 3]
    sampler = fl.UnigramSampler(corpus, 0.75, 2)
    expected = np.array([1, 2, 2, 3, 1]) ** 0.75
    assert (sampler.vocab_size, sampler.sample_size) == (5, 2)
    np.testing.assert_allclose(sampler.word_p, expected / expected.sum(), rtol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        sampler.word_p[0] = 0
    assert fl.UnigramSampler([2, 5], 0, 1).word_p.tolist() == [0, 0, 0.5, 0, 0, 0.5]
    for wrong, error, words in (([1, 5], ValueError, "target has 5 at row 1"), ([0.5], TypeError, "integers")):
        with pytest.raises(error, match=words):
            sampler.get_negative_sample(wrong)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (([], 1, 0), ValueError, "corpus is empty"),
        (([0, -2], 1, 0), ValueError, "corpus has -2"),
        (([0, 2**31], 1, 0), ValueError, "corpus has 2147483648"),
        (([0.5], 1, 0), TypeError, "corpus must hold integers"),
        (([0, 1, 1], 1, 2), ValueError, "sample_size must be less than the 2 words of the corpus, not 2"),
        (([0, 7], 1, 2), ValueError, "less than the 2 words"),
        (([0, 1], 1, -1), ValueError, "sample_size must be 0 or more"),
        (([0, 1], 1, 1.0), TypeError, "sample_size must be an integer"),
        (([0, 1, 1], 1e5, 1), ValueError, "power must leave finite counts"),
        (([0, 1], np.nan, 1), ValueError, "power must be finite"),
    ],
)
def test_what_no_words_can_be_drawn_from(given, error, words):
    with pytest.raises(error, match=words):
        fl.UnigramSampler(*given)


# The layers


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_the_products(implementation, dtype):
    table, h = W.astype(dtype), H.astype(dtype)
    layer = fl.EmbeddingDot(table)
    assert layer.params[0] is layer.embed.W is layer.W is table
    assert layer.cache is None
    (grad,) = layer.grads
    y = layer.forward(h, TARGET)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y, (h * table[TARGET]).sum(1), rtol=20 * eps, atol=200 * eps)
    dout = np.array([1, 2, -1, 0.5], dtype)
    dh = layer.backward(dout)
    kit.assert_same(dh, dout[:, np.newaxis] * table[TARGET])
    assert layer.grads[0] is layer.dW is grad
    kit.assert_same(grad, fl.embedding_backward(dout[:, np.newaxis] * h, TARGET, V))
    for wrong in ((H[:3], TARGET), (H[:, :3], TARGET), (H[0], TARGET[0:1])):
        with pytest.raises(ValueError, match="does not fit idx of shape"):
            layer.forward(*wrong)
    with pytest.raises(ValueError, match=r"dout of shape \(3,\) does not fit"):
        layer.backward(np.ones(3))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("sample_size", [0, 3, V - 1])
def test_the_loss_is_that_of_the_books_layers(implementation, sample_size, dtype):
    """The sum of the losses of a layer for each word of a target, and of their gradients."""
    table, h = (0.3 * W).astype(dtype), H.astype(dtype)
    layer = fl.NegativeSamplingLoss(table, np.arange(V), sample_size=sample_size, rng=1)
    assert layer.params[0] is layer.W is table
    (grad,) = layer.grads
    losses, dh, dW = 0, 0, 0
    loss = layer.forward(h, TARGET.astype(np.uint64))
    assert (layer.sample_size, layer.idx.shape) == (sample_size, (4, 1 + sample_size))
    np.testing.assert_array_equal(layer.idx[:, 0], TARGET)
    for k, idx in enumerate(layer.idx.T):
        dot, cross_entropy = fl.EmbeddingDot(table), fl.SigmoidWithLoss()
        losses += cross_entropy.forward(dot.forward(h, idx), np.full(4, int(k == 0)))
        dh += dot.backward(cross_entropy.backward())
        dW += dot.dW
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert type(loss) is float
    np.testing.assert_allclose(loss, losses, rtol=tolerance)
    for times in (1, 0.5):
        grad[...] = 99  # what is written into it in between
        given = layer.backward(times)
        np.testing.assert_allclose(given, times * dh, rtol=tolerance, atol=tolerance)
        assert given.dtype == layer.dW.dtype == dtype
        assert layer.grads[0] is layer.dW is grad
        np.testing.assert_allclose(grad, times * dW, rtol=tolerance, atol=tolerance)
    kit.assert_same(layer.backward(0.5), given)


def test_a_loss_of_no_target_and_of_one(implementation):
    layer = fl.NegativeSamplingLoss(W, np.arange(V))
    assert np.isnan(layer.forward(np.ones((0, D)), []))
    assert layer.backward().shape == (0, D)
    assert not layer.dW.any()
    assert layer.forward(H[0], 3) > 0
    assert layer.backward().shape == (D,)


def test_tables_that_the_loss_refuses():
    with pytest.raises(ValueError, match=r"W of shape \(7, 5\) has no row for word 7 of the corpus"):
        fl.NegativeSamplingLoss(W, [7, 0], sample_size=1)
    with pytest.raises(ValueError, match=r"W must have shape \(V, D\)"):
        fl.NegativeSamplingLoss(W[0], [1, 0], sample_size=1)
    with pytest.raises(ValueError, match=r"h of shape \(4, 5\) does not fit target of shape \(3,\)"):
        fl.NegativeSamplingLoss(W, [1, 0], sample_size=1).forward(H, TARGET[:3])


def test_a_network_of_the_book_learns_words(implementation):
    """Its skip-gram with two losses that share W, whose gradients its trainer adds up."""
    rng = np.random.default_rng(0)
    corpus = np.tile([0, 1, 2, 3, 4, 5], 30)
    W_in, W_out = (0.1 * rng.standard_normal((6, 8)).astype(np.float32) for _ in range(2))
    first, sides = fl.Embedding(W_in), [fl.NegativeSamplingLoss(W_out, corpus, sample_size=2, rng=i) for i in range(2)]
    (into,), outs, optimizer = first.grads, [side.grads[0] for side in sides], fl.SGD(lr=1.0)
    losses = []
    for start in range(1, 150):
        target = corpus[start : start + 20]
        h = first.forward(target)
        losses.append(sides[0].forward(h, target - 1 + 6 * (target == 0)) + sides[1].forward(h, (target + 1) % 6))
        first.backward(sides[0].backward() + sides[1].backward())
        outs[0] += outs[1]
        optimizer.update([W_in, W_out], [into, outs[0]])
    assert np.mean(losses[-10:]) < 0.5 * losses[0]


def test_a_kernel_asks_for_no_memory_that_cannot_be(level):
    """Of tables and batches that only look as large, whose sizes multiplied are more than an integer holds."""
    table, words = np.zeros(4, np.uint64), np.zeros((2**20, 1), np.int32)
    wide = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (4, 2**41 - 10), (0, 0))
    assert level.word2vec_batch(words, words, wide, wide, table, np.ones(4), 2, 0.1, 0.5) is NotImplemented
    many = np.lib.stride_tricks.as_strided(np.zeros(1, np.int32), (2**24, 2**24), (0, 0))
    large = np.lib.stride_tricks.as_strided(table, (2**24,), (0,))
    assert level.word2vec_batch(many, many, wide[:, :2], wide, large, large, 2**23, 0.1, 0.5) is NotImplemented
