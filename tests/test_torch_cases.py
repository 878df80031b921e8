"""Images as PyTorch has them: each input of its own tests of convolution, pooling and batch normalization, captured.

In float32 too the layers are held to what PyTorch gives in float64.
"""

from collections import Counter

import numpy as np
import pytest
from captured import samples

import fastlayers as fl


class CannotError(Exception):
    """What a layer has no way to say."""


def pair(value):
    """An option of both axes, which PyTorch has in a list of one or two too."""
    return tuple(np.broadcast_to(value, 2).tolist())


def through(layer, x, y, dout):
    """y and dx of a layer; an image alone is a batch of it."""
    alone = x.ndim == 3
    found = layer.forward(x[None] if alone else x)
    dx = layer.backward(dout(y).reshape(found.shape))
    return [array[0] if alone else array for array in (found, dx)]


def convolution(options, arrays, dout):
    W = arrays["weight"]
    pad, dilation = options.get("padding", 0), options.get("dilation", 1)
    if pad == "same":
        margins = [step * (size - 1) for step, size in zip(pair(dilation), W.shape[2:], strict=True)]
        if any(margin % 2 for margin in margins):
            raise CannotError("margins are as wide at both sides")
        pad = [margin // 2 for margin in margins]
    stride, pad = pair(options.get("stride", 1)), pair(0 if pad == "valid" else pad)
    more = {"dilation": pair(dilation), "groups": options.get("groups", 1)}
    layer = fl.Convolution(W, arrays.get("bias"), stride, pad, **more)
    y, dx = through(layer, arrays["x"], arrays["y"], dout)
    return {"y": y, "dx": dx, "dweight": layer.dW, "dbias": layer.db}


def pooling(kind, options, arrays, dout, **more):
    """y and dx of a layer that pools, and the layer."""
    if set(pair(options.get("dilation", 1))) != {1}:
        raise CannotError("windows have no dilation")
    if "divisor_override" in options:
        raise CannotError("there is no divisor_override")
    window, pad = pair(options["kernel_size"]), pair(options.get("padding", 0))
    layer = kind(*window, pair(options.get("stride") or window), pad, **more)
    if layer._output_shape(arrays["x"].shape[-3:]) != arrays["y"].shape[-3:]:
        raise CannotError("there is no ceil_mode")
    return *through(layer, arrays["x"], arrays["y"], dout), layer


def average_pooling(options, arrays, dout):
    counts = options.get("count_include_pad", True)
    y, dx, _ = pooling(fl.AveragePooling, options, arrays, dout, count_include_pad=counts)
    return {"y": y, "dx": dx}


def max_pooling(options, arrays, dout):
    y, dx, layer = pooling(fl.Pooling, options, arrays, dout)
    # The book's index, into a window, windows of all channels side by side, as PyTorch's, into the image.
    (down, right), (top, left), wide = pair(layer.stride), pair(layer.pad), arrays["x"].shape[-1]
    row, column = np.indices(y.shape)[-2:]
    channels, *places = y.shape[-3:]
    index = np.moveaxis(layer.arg_max.astype(int).reshape(-1, *places, channels), 3, 1).reshape(y.shape)
    place = (row * down - top + index // layer.pool_w) * wide + column * right - left + index % layer.pool_w
    return {"y": y, "dx": dx, "indices": place}


def batch_normalization(options, arrays, dout):
    x = arrays["x"]
    if x.ndim < 2:
        raise CannotError("a batch has two axes or four")
    momentum, training = options.get("momentum", 0.1), options.get("training", False)
    given = [arrays.get(name, default(x.shape[1])) for name, default in (("weight", np.ones), ("bias", np.zeros))]
    running = {name: arrays[name] for name in ("running_mean", "running_var") if name in arrays}
    kept = 1 - momentum if 0 <= momentum <= 1 else 0.9  # in prediction it does not matter
    gamma, beta = (a.astype(x.dtype) for a in given)
    layer = fl.BatchNormalization(gamma, beta, kept, **running, eps=options.get("eps", 1e-5))
    y = layer.forward(x[..., None] if x.ndim == 3 else x, training).reshape(x.shape)
    if not training:
        return {"y": y} | {f"new_{name}": getattr(layer, name) for name in running}
    dx = layer.backward(dout(y).reshape(layer.x.shape)).reshape(x.shape)
    found = {"y": y, "dx": dx, "dweight": layer.dgamma, "dbias": layer.dbeta}
    if running and 0 <= momentum <= 1:  # PyTorch's variance that is running is divided by one less
        before, n = kept * running["running_var"], x.size // x.shape[1]
        var = before + (layer.running_var - before) * n / (n - 1)
        found |= {"new_running_mean": layer.running_mean, "new_running_var": var}
    return found


# Of each operator what makes, of its options and arrays, the results by their names; and how many samples are held to,
# how many no layer can say, by the reason, and how many of those held give less.
OPERATORS = {
    "avg_pool2d": (average_pooling, {"held": 2, "there is no divisor_override": 5}),
    "batch_norm": (
        batch_normalization,
        {"held": 20, "a batch has two axes or four": 4}
        # Backward goes through a pass in training alone, and no running mean moves away from a batch's.
        | dict.fromkeys(("held but for dx", "held but for dweight", "held but for dbias"), 10)
        | dict.fromkeys(("held but for new_running_mean", "held but for new_running_var"), 2),
    ),
    "conv2d": (convolution, {"held": 28, "margins are as wide at both sides": 2}),
    "max_pool2d": (max_pooling, {"held": 490, "there is no ceil_mode": 230, "windows have no dilation": 720}),
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operator", OPERATORS)
def test_samples_of_an_operator(operator, dtype):
    function, expected = OPERATORS[operator]
    counts = Counter()
    tolerance = 1e-5 if dtype == np.float32 else 1e-12

    def dout(y):
        return np.cos(np.arange(y.size)).astype(dtype).reshape(y.shape)

    for options, wanted, order in samples("images.npz")[operator]:
        given = {name: a.astype(dtype) if a.dtype == np.float64 else a for name, a in wanted.items()}
        given["x"] = np.ascontiguousarray(given["x"].transpose(order)).transpose(np.argsort(order))
        try:
            found = function(options, given, dout)
        except CannotError as reason:
            counts[str(reason)] += 1
            continue
        counts["held"] += 1
        for name, array in wanted.items():
            if name in found:
                assert found[name].shape == array.shape
                scale = tolerance * np.max(np.abs(array), initial=1)
                np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=scale, err_msg=f"{name} {options}")
            elif name in ("y", "indices") or name.startswith(("d", "new")):
                counts[f"held but for {name}"] += 1
    assert counts == expected
