"""Recurrent layers, here and elsewhere: all steps forward, and forward with backward.

Each maker gives what is timed, and a function that gives its results as arrays in the order and layout of ours: hs,
then with backward dxs, dWx, dWh and db. All begin with a state of zeros.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import peers
from goals import Source

import fastlayers
from fastlayers.command import cases

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
Results = Callable[[], Sequence[Any]]
Contender = tuple[Any, Results]


@dataclass(frozen=True)
class Recurrent:
    cell: str  # one of `GATES`
    samples: int
    steps: int
    inputs: int
    units: int

    @property
    def label(self) -> str:
        return f"Time{self.cell} N={self.samples} T={self.steps} D={self.inputs} H={self.units}"

    def parameters(self, dtype: str) -> tuple[Any, Any, Any]:
        """Wx, Wh and b, so small that states neither die out nor saturate."""
        draw, width = cases.Draw(dtype), GATES[self.cell] * self.units
        Wx, Wh = (draw(n, width) / np.sqrt(n).astype(dtype) for n in (self.inputs, self.units))
        return Wx, Wh, draw(width) / 10

    def drawn(self, dtype: str) -> tuple[Any, Any]:
        """xs and dhs."""
        draw, shape = cases.Draw(dtype), (self.samples, self.steps)
        return draw(*shape, self.inputs), draw(*shape, self.units)

    def layer(self, path: ModuleType, dtype: str) -> Any:
        return getattr(path, f"Time{self.cell}")(*self.parameters(dtype))


def by_layer(kind: Recurrent, path: ModuleType, dtype: str, backward: bool) -> Contender:
    """By the classes of a module, ours or the book's."""
    xs, dhs = kind.drawn(dtype)

    def results() -> list[Any]:
        layer = kind.layer(path, dtype)
        hs = layer.forward(xs)
        return [hs, layer.backward(dhs), *layer.grads] if backward else [hs]

    source = "layer.forward(xs); layer.backward(dhs)" if backward else "layer.forward(xs)"
    return Source(source, {"layer": kind.layer(path, dtype), "xs": xs, "dhs": dhs}), results


# PyTorch


def pytorch(kind: Recurrent, dtype: str, backward: bool) -> Contender:
    """Its own module; of a GRU a loop, since PyTorch's resets after the product and the book's before."""
    torch = peers.import_torch()
    xs, dhs = (torch.from_numpy(array) for array in kind.drawn(dtype))
    function, given, turned = (pytorch_loop if kind.cell == "GRU" else pytorch_module)(torch, kind, dtype)
    xs.requires_grad_(backward)

    def forward() -> Any:
        with torch.inference_mode():
            return (function(xs),)

    def both() -> Any:
        hs = function(xs)
        return hs.detach(), *torch.autograd.grad(hs, [xs, *given], dhs)

    call = both if backward else forward

    def results() -> list[Any]:
        hs, *gradients = (array.numpy() for array in call())
        return [hs, gradients[0], *turned(gradients[1:])] if backward else [hs]

    return cases.Call(call, (), {}), results


def pytorch_module(torch: Any, kind: Recurrent, dtype: str) -> Any:
    """The function, its parameters, and what turns their gradients into ours."""
    state = fastlayers.Sequential([kind.layer(fastlayers, dtype)]).state_dict()
    module = getattr(torch.nn, kind.cell)(kind.inputs, kind.units, batch_first=True, dtype=getattr(torch, dtype))
    module.load_state_dict({name.removeprefix("0."): torch.from_numpy(array) for name, array in state.items()})

    def turned(gradients: Any) -> Any:
        net = fastlayers.Sequential([kind.layer(fastlayers, dtype)])
        net.load_state_dict(dict(zip(state, [*gradients[:3], np.zeros_like(gradients[3])], strict=True)))
        return net.params

    return lambda xs: module(xs)[0], list(module.parameters()), turned


def pytorch_loop(torch: Any, kind: Recurrent, dtype: str) -> Any:
    """The same of the book's GRU: the product for x of all steps is one."""
    Wx, Wh, b = given = [torch.from_numpy(array).requires_grad_() for array in kind.parameters(dtype)]
    H, first = kind.units, torch.zeros(kind.samples, kind.units, dtype=getattr(torch, dtype))

    def function(xs: Any) -> Any:
        (of_gates, of_candidate), h, hs = Wh.split((2 * H, H), 1), first, []
        for gates, candidate in zip(*((xs @ Wx + b).split((2 * H, H), 2)[i].unbind(1) for i in range(2)), strict=True):
            z, r = torch.sigmoid(torch.addmm(gates, h, of_gates)).chunk(2, 1)
            h = torch.lerp(h, torch.tanh(torch.addmm(candidate, r * h, of_candidate)), z)
            hs.append(h)
        return torch.stack(hs, 1)

    return function, given, list


# JAX


def jax(kind: Recurrent, dtype: str, backward: bool) -> Contender:
    jax = peers.import_jax()
    import jax.numpy as jnp

    xs, dhs, *given = (jnp.asarray(array) for array in (*kind.drawn(dtype), *kind.parameters(dtype)))

    def forward(dhs: Any, xs: Any, *given: Any) -> Any:
        return (jax_steps(kind.cell, xs, *given)[0],)

    def both(dhs: Any, *given: Any) -> Any:
        hs, gradients = jax.vjp(lambda *given: jax_steps(kind.cell, *given)[0], *given)
        return (hs, *gradients(dhs))

    compiled = jax.jit(both if backward else forward)

    def call() -> Any:
        return jax.block_until_ready(compiled(dhs, xs, *given))

    return cases.Call(call, (), {}), lambda: [np.asarray(array) for array in call()]


def jax_steps(cell: str, xs: Any, Wx: Any, Wh: Any, b: Any, state: Any = None) -> Any:
    """hs and the last state, by a scan; the product for x of all steps is one."""
    import jax
    import jax.numpy as jnp

    H, step = len(Wh), JAX_STEPS[cell]
    if state is None:
        state = (jnp.zeros((len(xs), H), xs.dtype),) * 2
    state, hs = jax.lax.scan(lambda state, x: step(state, x, Wh), state, jnp.swapaxes(xs @ Wx + b, 0, 1))
    return jnp.swapaxes(hs, 0, 1), state


def jax_rnn(state: Any, x: Any, Wh: Any) -> Any:
    import jax.numpy as jnp

    h = jnp.tanh(x + state[0] @ Wh)
    return (h, state[1]), h


def jax_gru(state: Any, x: Any, Wh: Any) -> Any:
    import jax
    import jax.numpy as jnp

    h, H = state[0], len(Wh)
    z, r = jnp.split(jax.nn.sigmoid(x[:, : 2 * H] + h @ Wh[:, : 2 * H]), 2, 1)
    h = (1 - z) * h + z * jnp.tanh(x[:, 2 * H :] + (r * h) @ Wh[:, 2 * H :])
    return (h, state[1]), h


def jax_lstm(state: Any, x: Any, Wh: Any) -> Any:
    import jax
    import jax.numpy as jnp

    h, c = state
    f, g, i, o = jnp.split(x + h @ Wh, 4, 1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


JAX_STEPS = {"RNN": jax_rnn, "GRU": jax_gru, "LSTM": jax_lstm}
