"""One step of an LSTM, here and elsewhere: x, h and c give the next h and c, which each maker's function returns."""

from types import ModuleType
from typing import Any

import numpy as np
import peers
import predictions
from sequence_layers import Contender, Recurrent, jax_lstm

import fastlayers
from fastlayers.command import cases


def given(kind: Recurrent) -> tuple[Any, Any, Any]:
    """x, h and c."""
    draw = cases.Draw("float32")
    return draw(kind.samples, kind.inputs), draw(kind.samples, kind.units), draw(kind.samples, kind.units)


def by_cell(kind: Recurrent, path: ModuleType) -> Contender:
    cell, args = path.LSTM(*kind.parameters("float32")), given(kind)
    return cases.Call(cell.forward, args, {}), lambda: cell.forward(*args)


def by_network(kind: Recurrent) -> Contender:
    """Predicted, with the state that the last one has left."""
    net, (x, *state) = stateful(kind), given(kind)
    xs, (layer,) = x[:, np.newaxis], net.layers

    def results() -> list[Any]:
        layer.set_state(*state)
        return [net.predict(xs)[:, 0], layer.c]

    return cases.Call(net.predict, (xs,), {}), results


def by_layer(kind: Recurrent, path: ModuleType) -> Contender:
    """Forward of all steps, which are one, with the state that the last one has left: the book has no other way."""
    layer, (x, h, c) = path.TimeLSTM(*kind.parameters("float32"), stateful=True), given(kind)
    xs = x[:, np.newaxis]

    def results() -> list[Any]:
        layer.set_state(h, c)
        return [layer.forward(xs)[:, 0], layer.c]

    return cases.Call(layer.forward, (xs,), {}), results


def stateful(kind: Recurrent) -> fastlayers.Sequential:
    layer = kind.layer(fastlayers, "float32")
    layer.stateful = True
    return fastlayers.Sequential([layer])


def pytorch(kind: Recurrent, name: str) -> Contender:
    """By the module of this name, which takes a sequence, or a cell."""
    torch = peers.import_torch()
    x, h, c = map(torch.from_numpy, given(kind))
    state = fastlayers.Sequential([kind.layer(fastlayers, "float32")]).state_dict()
    module, is_cell = getattr(torch.nn, name)(kind.inputs, kind.units), name.endswith("Cell")
    names = (key.removeprefix("0.").removesuffix("_l0" if is_cell else "") for key in state)
    module.load_state_dict(dict(zip(names, map(torch.from_numpy, state.values()), strict=True)))
    x, h, c = (x, h, c) if is_cell else (x[None], h[None], c[None])

    def call() -> Any:
        with torch.inference_mode():
            return module(x, (h, c)) if is_cell else module(x, (h, c))[1]

    return cases.Call(call, (), {}), lambda: [array.numpy().reshape(kind.samples, -1) for array in call()]


def jax(kind: Recurrent) -> Contender:
    jax = peers.import_jax()
    import jax.numpy as jnp

    x, h, c, *parameters = (jnp.asarray(array) for array in (*given(kind), *kind.parameters("float32")))
    compiled = jax.jit(lambda x, h, c, Wx, Wh, b: jax_lstm((h, c), x @ Wx + b, Wh)[0])

    def call() -> Any:
        return jax.block_until_ready(compiled(x, h, c, *parameters))

    return cases.Call(call, (), {}), lambda: [np.asarray(array) for array in call()]


def onnx_runtime(kind: Recurrent) -> Contender:
    net, (x, h, c) = stateful(kind), given(kind)
    xs = x[:, np.newaxis]
    session = predictions.onnx_session(net, xs)
    feed = {"x": xs, "0.h": h, "0.c": c}
    return cases.Call(session.run, (None, feed), {}), lambda: session.run(None, feed)[1:]


def products(kind: Recurrent) -> Any:
    """The step's product alone: x and h side by side."""
    _, h, _ = given(kind)
    Wx, Wh, _ = kind.parameters("float32")
    rows, W = np.tile(h, (1, 2)), np.concatenate((Wx, Wh))
    return cases.Call(np.dot, (rows, W), {"out": np.empty((kind.samples, W.shape[1]), W.dtype)})
