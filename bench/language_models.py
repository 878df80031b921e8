"""The book's language model, Rnnlm, and a step of its training: clipped gradients and SGD, here and elsewhere.

All start from the same weights, and carry h and c over from step to step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import book_sequences
import limits
import numpy as np
import peers
import sequence_layers

import fastlayers
from fastlayers.command import cases
from fastlayers.command.measured import LEARNING_RATE

CLIP_NORM = 0.25  # as the book has it
Step = Callable[[Any, Any], float]


@dataclass(frozen=True)
class LanguageModel:
    words: int
    embedded: int
    units: int
    samples: int
    steps: int

    @property
    def label(self) -> str:
        return f"Rnnlm V={self.words:,} D={self.embedded} H={self.units} N={self.samples} T={self.steps}"

    @property
    def nbytes(self) -> int:
        """Of the scores."""
        return 4 * self.samples * self.steps * self.words

    def parameters(self) -> tuple[Any, ...]:
        """The table, Wx, Wh and b of the LSTM, W and b of the scores, as the book draws them."""
        V, D, H = self.words, self.embedded, self.units
        draw = cases.Draw("float32")
        Wx, Wh = (draw(n, 4 * H) / np.float32(np.sqrt(n)) for n in (D, H))
        W = draw(H, V) / np.float32(np.sqrt(H))
        return draw(V, D) / 100, Wx, Wh, np.zeros(4 * H, np.float32), W, np.zeros(V, np.float32)

    def batch(self) -> tuple[Any, Any]:
        """Words ``(N, T)``, and the next ones."""
        text = cases.labels(self.samples * (self.steps + 1), self.words).reshape(self.samples, -1)
        return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])

    def net(self, path: ModuleType) -> Any:
        table, Wx, Wh, b, *affine = self.parameters()
        layers = [path.TimeEmbedding(table), path.TimeLSTM(Wx, Wh, b, stateful=True), path.TimeAffine(*affine)]
        return path.Sequential(layers, path.TimeSoftmaxWithLoss())

    def work(self) -> limits.Work:
        """Products, dx of the LSTM too; exponentials; a step of descent, but of the table of what was read."""
        V, D, H = self.words, self.embedded, self.units
        rows = self.samples * self.steps
        products = 3 * 2 * rows * ((D + H) * 4 * H + H * V)
        weights = (D + H + 1) * 4 * H + (H + 1) * V
        flops = products + rows * (5 * H + V) * limits.EXP["float32"] + 2 * weights
        return limits.Work(flops, 4 * (2 * weights + 3 * rows * D))


def ours(model: LanguageModel, path: ModuleType = fastlayers) -> cases.Call:
    optimizer = path.SGD(lr=LEARNING_RATE, clip_norm=CLIP_NORM)
    return cases.Call(model.net(path).train_step, (*model.batch(), optimizer), {})


def book(model: LanguageModel) -> cases.Call:
    """What ``RnnlmTrainer.fit`` does with a batch, which merges what layers share too."""
    trainer, util = book_sequences.module("common.trainer"), book_sequences.module("common.util")
    net = book_sequences.module("ch06.rnnlm").Rnnlm(model.words, model.embedded, model.units)
    for own, given in zip(net.params, model.parameters(), strict=True):
        own[...] = given
    optimizer = book_sequences.module("common.optimizer").SGD(LEARNING_RATE)

    def step(x: Any, t: Any) -> float:
        loss = net.forward(x, t)
        net.backward()
        params, grads = trainer.remove_duplicate(net.params, net.grads)
        util.clip_grads(grads, CLIP_NORM)
        optimizer.update(params, grads)
        return float(loss)

    return cases.Call(step, model.batch(), {})


def pytorch(model: LanguageModel) -> cases.Call:
    torch = peers.import_torch()
    batch = map(torch.from_numpy, model.batch())
    return cases.Call(pytorch_step(model.net(fastlayers), LEARNING_RATE, CLIP_NORM), tuple(batch), {})


def pytorch_step(net: fastlayers.Sequential, lr: float, clip_norm: float | None) -> Step:
    """A step of its own modules with the weights of our network, whose state goes on."""
    torch = peers.import_torch()
    nn, (table, _, Wh, *_) = torch.nn, net.params
    (V, D), H = table.shape, len(Wh)
    modules = nn.ModuleList([nn.Embedding(V, D), nn.LSTM(D, H, batch_first=True), nn.Linear(H, V)])
    modules.to(getattr(torch, table.dtype.name))
    modules.load_state_dict({name: torch.from_numpy(array) for name, array in net.state_dict().items()})
    embedding, lstm, linear = modules
    lstm.bias_hh_l0.requires_grad_(False)  # the other one is what ours is: two would move twice as far
    optimizer, criterion = torch.optim.SGD(modules.parameters(), lr=lr), nn.CrossEntropyLoss()
    kept: Any = None

    def step(x: Any, t: Any) -> float:
        nonlocal kept
        optimizer.zero_grad()
        hs, last = lstm(embedding(x), kept)
        kept = tuple(array.detach() for array in last)
        loss = criterion(linear(hs).flatten(0, 1), t.flatten())
        loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(modules.parameters(), clip_norm)
        optimizer.step()
        return float(loss.item())

    return step


def jax(model: LanguageModel) -> cases.Call:
    """The whole step is one compiled function, into the memory of the parameters that it is given."""
    jax = peers.import_jax()
    import jax.numpy as jnp

    params = tuple(map(jnp.asarray, model.parameters()))
    state = (jnp.zeros((model.samples, model.units), jnp.float32),) * 2

    def mean_loss(params: Any, state: Any, x: Any, t: Any) -> Any:
        table, Wx, Wh, b, W, bias = params
        hs, state = sequence_layers.jax_steps("LSTM", table[x], Wx, Wh, b, state)
        log_p = jax.nn.log_softmax(hs @ W + bias)
        return -jnp.mean(jnp.take_along_axis(log_p, t[..., None], axis=2)), state

    def update(params: Any, state: Any, x: Any, t: Any) -> Any:
        (loss, state), grads = jax.value_and_grad(mean_loss, has_aux=True)(params, state, x, t)
        norm = jnp.sqrt(sum(jnp.sum(grad**2) for grad in grads))
        rate = LEARNING_RATE * jnp.minimum(CLIP_NORM / (norm + 1e-6), 1)
        return loss, tuple(p - rate * grad for p, grad in zip(params, grads, strict=True)), state

    compiled = jax.jit(update, donate_argnums=0)

    def step(x: Any, t: Any) -> float:
        nonlocal params, state
        loss, params, state = compiled(params, state, x, t)
        return float(loss)  # waits for the step to end

    return cases.Call(step, tuple(map(jnp.asarray, model.batch())), {})


# name -> whether what it needs is there, and its maker
TRAINING = {
    "fastlayers": (lambda: True, ours),
    "the book's NumPy": (lambda: bool(book_sequences.root()) and peers.available("matplotlib"), book),
    "PyTorch": (lambda: peers.available("torch"), pytorch),
    "JAX jit": (lambda: peers.available("jax"), jax),
}
