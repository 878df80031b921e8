"""The goals of negative sampling and word2vec: the layers by themselves, and a step of CBOW beside its peers.

V is 10,000, a vector has 100 numbers, a batch 100 words with five contexts on each side, and five words are drawn for
each. PyTorch and JAX are given words that were drawn before; the others draw them.
"""

from types import SimpleNamespace
from typing import Any

import book_words
import numpy as np
import peers
from goals import OURS, Bound, Calls, Race
from goals_networks import NAMES

import fastlayers
from fastlayers import reference
from fastlayers.command import cases
from fastlayers.word2vec import Word2Vec

V, D, N, WINDOW, LR, TOLERANCE = 10_000, 100, 100, 5, 0.01, 1e-5
BOOK, BY_HAND = NAMES["book"], "layers by hand"


def data() -> tuple[np.ndarray, ...]:
    """A corpus of frequencies as a text has them, contexts, their targets, and both tables."""
    rng = np.random.default_rng(0)
    corpus = np.concatenate((np.arange(V), (rng.zipf(1.2, 200_000) - 1) % V))
    contexts, target = rng.choice(corpus, (N, 2 * WINDOW)), rng.choice(corpus, N)
    return corpus, contexts, target, *(rng.standard_normal((2, V, D)) / 10).astype(np.float32)


def both_passes(layer: Any, *inputs: Any) -> cases.Call:
    def run() -> Any:
        layer.forward(*inputs)
        return layer.backward()

    return cases.Call(run, (), {})


def loss_layer() -> Calls:
    corpus, _, target, h, W = data()
    h = h[:N]
    layers = [owner.NegativeSamplingLoss(W, corpus) for owner in (fastlayers, reference)]
    for layer in layers:
        layer.rng = np.random.default_rng(0)
    np.testing.assert_allclose(*(layer.forward(h, target) for layer in layers), rtol=TOLERANCE)
    np.testing.assert_allclose(*(layer.backward() for layer in layers), rtol=TOLERANCE, atol=TOLERANCE)
    layers[0].grads  # noqa: B018  # from then on they are written into, as in the book
    return {
        OURS: both_passes(layers[0], h, target),
        BOOK: both_passes(book_words.NegativeSamplingLoss(W, corpus), h, target),
    }


def sampler() -> Calls:
    corpus, _, target, *_ = data()
    ours, book = fastlayers.UnigramSampler(corpus, 0.75, 5, 0), book_words.UnigramSampler(corpus, 0.75, 5)
    np.testing.assert_allclose(ours.word_p, book.word_p)
    return {
        OURS: cases.Call(ours.get_negative_sample, (target,), {}),
        BOOK: cases.Call(book.get_negative_sample, (target,), {}),
    }


def by_hand(layers: Any, optimizer: Any, corpus: Any, contexts: Any, target: Any, W_in: Any, W_out: Any) -> Any:
    net = book_words.CBOW(layers, W_in.copy(), W_out.copy(), WINDOW, corpus)

    def step() -> float:
        loss = net.forward(contexts, target)
        net.backward()
        optimizer.update(*book_words.remove_duplicate(net.params, net.grads))
        return float(loss)

    return step


def pytorch(contexts: Any, rows: Any, W_in: Any, W_out: Any) -> Any:
    """Gradients of the touched rows alone, by its sparse embeddings."""
    torch = peers.import_torch()
    into, out = (
        torch.nn.Embedding.from_pretrained(torch.from_numpy(W.copy()), freeze=False, sparse=True) for W in (W_in, W_out)
    )
    optimizer = torch.optim.SGD([into.weight, out.weight], lr=LR)
    beside, rows = torch.from_numpy(contexts), torch.from_numpy(rows)
    is_target = torch.zeros(rows.shape)
    is_target[:, 0] = 1
    criterion = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def step() -> float:
        optimizer.zero_grad()
        scores = (out(rows) @ into(beside).mean(1)[:, :, None])[..., 0]
        loss = criterion(scores, is_target) / len(rows)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def jax(contexts: Any, rows: Any, W_in: Any, W_out: Any) -> Any:
    """The rows' gradients by hand, added where they belong, in tables that the step may write into."""
    import functools

    import jax as found
    import jax.numpy as jnp

    @functools.partial(found.jit, donate_argnums=(0, 1))
    def update(into: Any, out: Any, contexts: Any, rows: Any) -> Any:
        def loss_of(inputs: Any, outputs: Any) -> Any:
            scores = jnp.einsum("nkd,nd->nk", outputs, inputs.mean(1))
            return jnp.sum(jnp.logaddexp(0, jnp.where(jnp.arange(6) == 0, -scores, scores))) / len(rows)

        loss, (d_in, d_out) = found.value_and_grad(loss_of, (0, 1))(into[contexts], out[rows])
        return loss, into.at[contexts].add(-LR * d_in), out.at[rows].add(-LR * d_out)

    state = [jnp.array(W_in), jnp.array(W_out)]  # copies, since those of NumPy cannot be written into
    given = jnp.asarray(contexts), jnp.asarray(rows)  # which would otherwise be part of the compiled function

    def step() -> float:
        loss, *state[:] = update(*state, *given)
        return float(loss)

    return step


def cbow() -> Calls:
    corpus, contexts, target, W_in, W_out = data()
    model = Word2Vec(corpus, size=D, window=WINDOW, rng=0)
    model.W_in, model.W_out, model.sampler.rng = W_in.copy(), W_out.copy(), np.random.default_rng(0)
    drawn = fastlayers.UnigramSampler(corpus, 0.75, 5, 0).get_negative_sample(target)
    rows = np.concatenate((target[:, np.newaxis], drawn), axis=1)
    seeded = SimpleNamespace(
        Embedding=fastlayers.Embedding,
        NegativeSamplingLoss=lambda *args, **options: fastlayers.NegativeSamplingLoss(*args, **options, rng=0),
    )
    steps = {
        OURS: lambda: model.train_step(contexts, target, LR),
        BY_HAND: by_hand(seeded, fastlayers.SGD(LR), corpus, contexts, target, W_in, W_out),
    }
    if peers.available("torch"):
        steps[NAMES["pytorch"]] = pytorch(contexts, rows, W_in, W_out)
    if peers.available("jax"):
        steps[NAMES["jax"]] = jax(contexts, rows, W_in, W_out)
    losses = {name: step() for name, step in steps.items()}  # of the same words
    for name, loss in losses.items():
        np.testing.assert_allclose(loss, losses[OURS], rtol=TOLERANCE, err_msg=name)
    steps[BOOK] = by_hand(book_words, book_words.SGD(LR), corpus, contexts, target, W_in, W_out)
    return {name: cases.Call(step, (), {}) for name, step in steps.items()}


WORDS = (
    Race(16, "NegativeSamplingLoss, forward and backward", loss_layer, (Bound(BOOK, least=80),)),
    Race(16, "UnigramSampler", sampler, (Bound(BOOK, least=800),)),
    Race(
        16,
        "a step of CBOW with negative sampling",
        cbow,
        (
            Bound(BOOK, least=4, ours=BY_HAND),
            Bound(BOOK),
            Bound(NAMES["pytorch"], least=14),
            Bound(NAMES["jax"], least=3.3),
        ),
    ),
)
