"""word2vec: a batch against the book's layers under SGD, a text against the same in NumPy, what it learns, files."""

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.word2vec import Word2Vec, read_corpus

MODELS = ("cbow", "skipgram")
V = 20


@pytest.fixture
def text():
    """Words of which some are much more frequent, in sentences of unequal lengths, some of one word or none."""
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.zipf(1.5, 150) - 1, V - 1)
    ids[:V] = np.arange(V)
    ids[rng.random(150) < 0.1] = -1
    ids[V - 1] = V - 1
    return ids


def model_of(text, **options):
    model = Word2Vec(text, rng=1, **{"size": 19, "negative": 3, "window": 3} | options)
    model.W_in *= 10
    model.W_out[...] = np.random.default_rng(2).standard_normal(model.W_out.shape) / 4
    return model


def both(text, run, **options):
    """A model that has learned on the implementation in use, and one on the reference; and what each gave."""
    models = [model_of(text, **options) for _ in range(2)]
    found = [run(models[0])]
    with fl.use_backend("reference"):
        found.append(run(models[1]))
    return models, found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("options", [{}, {"shrink": False, "sample": 0}, {"negative": V - 1}, {"size": 100}])
def test_a_text_is_learned_alike_on_both_paths(implementation, text, model, options):
    models, losses = both(text, lambda model: model.train(text, epochs=1), model=model, **options)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for name in ("W_in", "W_out"):
        ours, true = (getattr(model, name) for model in models)
        assert np.abs(ours - getattr(model_of(text, **options), name)).max() > 1e-3
        np.testing.assert_allclose(ours, true, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("model", MODELS)
def test_a_batch_is_learned_alike_on_both_paths(implementation, text, model, dtype):
    rng = np.random.default_rng(3)
    contexts, target = rng.integers(0, V, (30, 4)).astype(dtype), rng.integers(0, V, 30).astype(dtype)
    models, losses = both(text, lambda model: model.train_step(contexts, target, lr=2.0), model=model)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    for name in ("W_in", "W_out"):
        np.testing.assert_allclose(*(getattr(model, name) for model in models), rtol=1e-5, atol=1e-6)


def test_a_batch_is_the_books_step_with_gradients_of_whole_tables(implementation, text):
    rng = np.random.default_rng(3)
    contexts, target = rng.integers(0, V, (30, 4)), rng.integers(0, V, 30)
    model, twin = model_of(text), model_of(text)
    into = [fl.Embedding(twin.W_in) for _ in range(4)]
    out = fl.NegativeSamplingLoss(twin.W_out, text[text >= 0], sample_size=3, rng=twin.rng)
    h = sum(layer.forward(column) for layer, column in zip(into, contexts.T, strict=True)) / np.float32(4)
    loss = out.forward(h, target)
    dh = out.backward() / np.float32(4)
    for layer in into:
        layer.backward(dh)
    fl.SGD(lr=2.0).update([twin.W_in, twin.W_out], [sum(layer.dW for layer in into), out.dW])
    assert model.train_step(contexts, target, lr=2.0) == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(model.W_in, twin.W_in, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.W_out, twin.W_out, rtol=1e-5, atol=1e-6)


def test_no_word_beyond_a_sentence_is_a_context(implementation):
    """Each word but the last of one of two is learned from the one beside it; of one alone nothing."""
    text = np.array([0, 1, -1, 2, -1, -1, 3, 4, -1])
    model = model_of(text, sample=0, window=9, shrink=False, negative=1)
    before = model.W_in.copy()
    (loss,) = model.train(text, epochs=1)
    assert loss > 0
    assert (model.W_in != before).any(axis=1).tolist() == [True, True, False, True, True]
    assert np.isnan(model.train([2, -1], epochs=1)).all()
    assert model.train([0, 1], epochs=0) == []


@pytest.mark.parametrize("model", MODELS)
def test_words_that_stand_alike_come_to_lie_alike(model):
    """Of a text of two subjects, a word is nearer to those of its own."""
    rng = np.random.default_rng(0)
    sentences = [np.append(rng.permutation(6)[:4] + 6 * (i % 2), -1) for i in range(300)]
    text = np.concatenate(sentences)
    model = Word2Vec(text, [*"abcdefABCDEF"], model=model, size=10, window=2, negative=3, sample=0, rng=0)
    losses = model.train(text, epochs=30 if kit.LEVELS else 4, lr=0.1)
    assert losses[-1] < 0.9 * losses[0]
    for word in "afBE":
        nearest = model.most_similar(word, top=11)
        own, others = (
            [cosine for other, cosine in nearest if other.isupper() is kind]
            for kind in (word.isupper(), word.islower())
        )
        assert np.mean(own) > np.mean(others) + 0.1
        assert [cosine for _, cosine in nearest] == sorted((cosine for _, cosine in nearest), reverse=True)
        assert word not in dict(nearest)
    assert {"A", "b", "a"}.isdisjoint(dict(model.most_similar(["A", "b"], ["a"], top=20)))
    assert model.most_similar(0, top=1) == model.most_similar("a", top=1)
    assert np.shares_memory(model["b"], model.vectors)


def test_a_file_of_text(tmp_path):
    path = tmp_path / "text"
    path.write_text("b a  a\n\nc b\tA\nb\n", encoding="utf-8")
    ids, words = read_corpus(path, min_count=1)
    assert words == ["b", "a", "c", "A"]
    assert ids.tolist() == [0, 1, 1, -1, -1, 2, 0, 3, -1, 0, -1]
    ids, words = read_corpus(path, min_count=2, split=lambda line: line.lower().split())
    assert (words, ids.tolist()) == (["b", "a"], [0, 1, 1, -1, -1, 0, 1, -1, 0, -1])
    assert ids.dtype == np.int32
    with pytest.raises(ValueError, match=r"no word of .*text occurs 9 times"):
        read_corpus(path, min_count=9)


@pytest.mark.parametrize("words", [None, [f"wörd {i}" for i in range(V)]])
def test_a_model_comes_back_from_its_file_and_learns_on(tmp_path, text, words):
    model = Word2Vec(text, words, model="skipgram", size=7, window=2, negative=4, power=0.5, sample=0.1, shrink=False)
    model.train(text, epochs=1)
    model.save(tmp_path / "model")
    again = Word2Vec.load(tmp_path / "model", rng=5)
    model.sampler.rng = np.random.default_rng(5)
    assert again.words == model.words
    assert again.train(text, epochs=2) == model.train(text, epochs=2)
    kit.assert_same(again.W_in, model.W_in)
    kit.assert_same(again.W_out, model.W_out)
    for content in (b"", b"no zip", (tmp_path / "model").read_bytes()[:-30]):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(ValueError, match="other is no file of a Word2Vec"):
            Word2Vec.load(tmp_path / "other")
    with np.load(tmp_path / "model") as file:
        arrays = dict(file)
    for name, wrong in (("W_out", model.W_out.astype(float)), ("word_p", np.ones(9)), ("counts", -model.counts)):
        with (tmp_path / "other").open("wb") as other:
            np.savez(other, **{**arrays, name: wrong})
        with pytest.raises(ValueError, match=r"its (tables are not of float32|counts do not fit its tables)"):
            Word2Vec.load(tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "glove"}, ValueError, "model must be one of cbow, skipgram, not 'glove'"),
        ({"size": 0}, ValueError, "size must be 1 or more"),
        ({"window": 0}, ValueError, "window must be 1 or more"),
        ({"negative": V}, ValueError, "less than the 20 words"),
        ({"sample": -1}, ValueError, "sample must be finite, and 0 or more"),
        ({"shrink": 1}, TypeError, "shrink must be True or False"),
        ({"words": ["a"]}, ValueError, "a word for each of the 20 of the corpus, not 1"),
    ],
)
def test_what_no_model_is_made_of(text, options, error, words):
    with pytest.raises(error, match=words):
        Word2Vec(text, **options)


def test_what_cannot_be_learned_leaves_the_vectors_as_they_are(implementation, text):
    model = model_of(text)
    before = model.W_in.copy(), model.W_out.copy()
    for call, error, words in (
        (lambda: model.train([0, 1, V]), ValueError, "corpus has 20 at 2, which is not one of the 20 words"),
        (lambda: model.train([0.5]), TypeError, "corpus must hold integers"),
        (lambda: model.train_step([[0, V]], [1]), ValueError, r"contexts has 20 at index \(0, 1\)"),
        (lambda: model.train_step(np.array([[0, 1]]), np.array([-1])), ValueError, "target has -1 at row 0"),
        (lambda: model.train_step([[0, 1]], [1, 2]), ValueError, r"not \(1, 2\) and \(2,\)"),
        (lambda: model.train_step(np.array([0, 1]), np.array([1, 2])), ValueError, r"not \(2,\) and \(2,\)"),
        (lambda: model.train_step(np.ones((2, 2), int), np.ones(2)), TypeError, "target must hold integers"),
        (lambda: model["word"], KeyError, "'word' is not among the words"),
        (lambda: model.most_similar(V), KeyError, "20 is not one of the 20 words"),
    ):
        with pytest.raises(error, match=words):
            call()
    assert np.isnan(model.train_step(np.ones((0, 2), int), []))
    kit.assert_same(model.W_in, before[0])
    kit.assert_same(model.W_out, before[1])
