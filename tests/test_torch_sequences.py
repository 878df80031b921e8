"""Recurrent layers as PyTorch has them: each of its own inputs of its modules, with all gradients, captured.

Of a GRU what PyTorch's operations make of the book's formula, and its autograd. Parameters go in and gradients come out
through a state_dict, or for a GRU by hand.
"""

from collections import Counter

import numpy as np
import pytest
from captured import samples

import fastlayers as fl

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STATES = {"RNN": "h", "GRU": "h", "LSTM": "hc"}


def as_in_pytorch(array):
    """Our z, r and candidate of the last axis as r, z, n of the first, where z weighs the last h; and the other way."""
    z, r, n = np.split(array.T, 3)
    return np.concatenate((r, -z, n))


def as_here(array):
    r, z, n = np.split(array, 3)
    return np.concatenate((-z, r, n)).T


def parameters(options, arrays, dtype):
    """The module's, by PyTorch's names: the k-th is cos of k, k + 1, ..., halved."""
    shapes = {name[1:]: array.shape for name, array in arrays.items() if name.startswith(("dweight", "dbias"))}
    of_both = {
        name: shape
        for first, shape in shapes.items()
        for name in ([first, first.replace("ih", "hh")] if "bias" in first else [first])
    }
    numbers = (np.cos(k + np.arange(np.prod(shape))).reshape(shape) / 2 for k, shape in enumerate(of_both.values()))
    return dict(zip(of_both, (array.astype(dtype) for array in numbers), strict=True))


def made(kind, options, given, dtype):
    """A layer for each of a module's, with its parameters."""
    both, bias = options.get("bidirectional", False), options.get("bias", True)
    D, H, gates = options["input_size"], options["hidden_size"], GATES[kind]
    layers = []
    for _ in range(options.get("num_layers", 1)):
        params = [np.zeros(shape, dtype) for shape in ((D, gates * H), (H, gates * H), (gates * H,))]
        if both:
            layers.append(fl.TimeBiLSTM(*params, *(param.copy() for param in params)))
        else:
            layers.append(getattr(fl, f"Time{kind}")(*params))
        D = H * (1 + both)
    if kind != "GRU":
        fl.Sequential(layers).load_state_dict(given)
        return layers
    each = iter(given.values())
    for layer in layers:
        layer.Wx[...], layer.Wh[...] = as_here(next(each)), as_here(next(each))
        if bias:
            layer.b[...] = as_here(next(each) + next(each))
    return layers


def gradients(kind, layers):
    """Those of the parameters, by PyTorch's names."""
    if kind == "GRU":
        names = ("weight_ih", "weight_hh", "bias_ih")
        return {
            f"d{name}_l{i}": as_in_pytorch(array)
            for i, layer in enumerate(layers)
            for name, array in zip(names, layer.grads, strict=True)
        }
    found = fl.Sequential([type(layer)(*layer.grads) for layer in layers]).state_dict()
    return {f"d{name.replace('_l0', f'_l{i}')}": array for key, array in found.items() for i, name in [key.split(".")]}


def of_one_direction(layers):
    """The layers, of both directions their own."""
    return [
        one
        for layer in layers
        for one in ([layer.forward_lstm, layer.backward_lstm] if isinstance(layer, fl.TimeBiLSTM) else [layer])
    ]


def module(kind, options, arrays, dtype, dout):
    """All that comes of a module's layers, by the names of what was captured."""
    layers = made(kind, options, parameters(options, arrays, dtype), dtype)
    ways, given = of_one_direction(layers), [name for name in "hc" if name in arrays]
    for way, *state in zip(ways, *(arrays[name] for name in given), strict=True):
        if state:
            way.stateful = True
            way.set_state(*state)
    y = arrays["x"]
    for layer in layers:
        y = layer.forward(y)
    found = {"y": y} | {f"{name}_n": np.stack([getattr(way, name) for way in ways]) for name in STATES[kind]}
    dx = dout(y)
    for layer in reversed(layers):
        dx = layer.backward(dx)
    found |= {"dx": dx} | {f"d{name}": np.stack([getattr(way, f"d{name}") for way in ways]) for name in given}
    return found | gradients(kind, layers)


def cell(kind, options, arrays, dtype, dout):
    """All that comes of a cell."""
    (layer,) = made(kind, options, parameters(options, arrays, dtype), dtype)
    one, given = getattr(fl, kind)(*layer.params), [name for name in "hc" if name in arrays]
    states = one.forward(arrays["x"], *(arrays[name] for name in given))
    states = states if isinstance(states, tuple) else (states,)
    dx, *others = one.backward(*np.split(dout(np.concatenate(states, 1)), len(states), 1))
    layer._set_gradients(**dict(zip(layer.param_names, one.grads, strict=True)))
    found = {name.removesuffix("_l0"): array for name, array in gradients(kind, [layer]).items()} | {"dx": dx}
    for name, state, gradient in zip(given, states, others, strict=True):
        found |= {f"{name}_n": state, f"d{name}": gradient}
    return found


def reason(options):
    """Why no layer stands for a module."""
    if options.get("nonlinearity") == "relu":
        return "an RNN has tanh"
    return "an LSTM has no projection" if options.get("proj_size") else "an LSTM alone goes both ways"


# Of each module how many samples are held to, and how many no layer can say, by the reason.
MODULES = {
    "GRU": {"held": 8, "an LSTM alone goes both ways": 8},
    "GRUCell": {"held": 2},
    "LSTM": {"held": 16, "an LSTM has no projection": 16},
    "LSTMCell": {"held": 2},
    "RNN": {"held": 8, "an RNN has tanh": 16, "an LSTM alone goes both ways": 8},
    "RNNCell": {"held": 2, "an RNN has tanh": 1},
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODULES)
def test_samples_of_a_module(name, dtype):
    counts = Counter()
    kind = name.removesuffix("Cell")

    def dout(y):
        return np.cos(np.arange(y.size)).astype(dtype).reshape(y.shape)

    for options, wanted, _ in samples("sequences.npz")[name]:
        if not wanted:
            counts[reason(options)] += 1
            continue
        counts["held"] += 1
        given = {name: array.astype(dtype) for name, array in wanted.items()}
        found = (module if name == kind else cell)(kind, options, given, dtype, dout)
        for result, array in wanted.items():
            if result in ("x", "h", "c"):
                continue
            tolerance = 1e-5 if dtype == np.float32 else 1e-6 if array.dtype == np.float32 else 1e-12
            assert found[result].shape == array.shape
            scale = tolerance * np.max(np.abs(array), initial=1)
            np.testing.assert_allclose(found[result], array, rtol=tolerance, atol=scale, err_msg=f"{result} {options}")
    assert counts == MODULES[name]
