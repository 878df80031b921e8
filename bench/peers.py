"""The same elsewhere: in the book's NumPy code, PyTorch, JAX, scikit-learn; predictions are in ``predictions.py``.

Each maker of a training step takes a network and a dtype and gives a step without arguments that returns the
loss before its update. All start from the weights, batch and learning rate of `Network.data`, and run on as
many threads as we do, where they can be told.
"""

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import fastlayers
from fastlayers.command.measured import LEARNING_RATE, Call, Network

Step = Callable[[], float]
LOSS_TOLERANCE = 1e-5  # of float32 sums in an order of their own


# The book's code, as it stands in its chapters 4 and 5 (common/layers.py, common/functions.py)


def softmax(x):
    x = x.T
    x = x - np.max(x, axis=0)
    y = np.exp(x) / np.sum(np.exp(x), axis=0)
    return y.T


def cross_entropy_error(y, t):
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        return (self.y - self.t) / batch_size


def by_hand(owner: Any, parameters: Any, x: Any, t: Any) -> tuple[list[Any], Step]:
    """The affine layers, and a step that leaves their gradients in them, as the book's `TwoLayerNet.gradient` does.

    dx of the first layer is computed too. `owner` has the layers.
    """
    affines = [owner.Affine(W, b) for W, b in parameters]
    layers = [layer for affine in affines for layer in (affine, owner.Relu())][:-1]
    last_layer = owner.SoftmaxWithLoss()

    def gradient() -> float:
        y = x
        for layer in layers:
            y = layer.forward(y)
        loss = last_layer.forward(y, t)
        dout = last_layer.backward(1)
        for layer in reversed(layers):
            dout = layer.backward(dout)
        return float(loss)

    return affines, gradient


def book(network: Network, dtype: str) -> Step:
    parameters, x, labels = network.data(dtype)
    t = np.eye(network.widths[-1], dtype=dtype)[labels]  # one-hot, as the book's load_mnist gives it
    affines, gradient = by_hand(sys.modules[__name__], parameters, x, t)

    def step() -> float:
        loss = gradient()
        for affine in affines:
            affine.W -= LEARNING_RATE * affine.dW
            affine.b -= LEARNING_RATE * affine.db
        return loss

    return step


# The libraries


def import_torch() -> Any:
    import torch

    torch.set_num_threads(fastlayers.get_num_threads())
    return torch


def pytorch_network(network: Network, dtype: str) -> Any:
    """A network of PyTorch's own layers with our weights."""
    torch = import_torch()
    layers = []
    for W, b in network.data(dtype)[0]:
        linear = torch.nn.Linear(*W.shape, dtype=getattr(torch, dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def pytorch(network: Network, dtype: str) -> Step:
    """Eager mode, as most code is written; its compiler needs a C++ toolchain and a minute."""
    torch = import_torch()
    _, x, t = network.data(dtype)
    net = pytorch_network(network, dtype)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(t)

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def pytorch_loss(x: Any, t: Any) -> Call:
    """Loss and gradient by autograd, after they were seen to agree with ours."""
    torch = import_torch()
    inputs, labels = torch.from_numpy(x.copy()).requires_grad_(), torch.from_numpy(t)
    cross_entropy = torch.nn.functional.cross_entropy

    def step() -> Any:
        inputs.grad = None
        loss = cross_entropy(inputs, labels)
        loss.backward()
        return loss

    loss, dx = fastlayers.softmax_cross_entropy(x, t)
    np.testing.assert_allclose(float(step().item()), loss, rtol=LOSS_TOLERANCE)
    np.testing.assert_allclose(inputs.grad.numpy(), dx, rtol=LOSS_TOLERANCE, atol=LOSS_TOLERANCE / len(x))
    return Call(step, (), {})


def pytorch_sigmoid(x: Any) -> Call:
    torch = import_torch()
    inputs = torch.from_numpy(x)
    out = torch.empty_like(inputs)
    torch.sigmoid(inputs, out=out)
    np.testing.assert_allclose(out.numpy(), fastlayers.sigmoid_forward(x), rtol=LOSS_TOLERANCE)
    return Call(torch.sigmoid, (inputs,), {"out": out})


def jax(network: Network, dtype: str) -> Step:
    """The whole step is one compiled function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)  # otherwise it takes float64 for float32
    parameters, x, t = network.data(dtype)
    state = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters]
    inputs, labels = jnp.asarray(x), jnp.asarray(t)

    def mean_loss(state: Any, x: Any, t: Any) -> Any:
        for W, b in state[:-1]:
            x = jax.nn.relu(x @ W + b)
        scores = x @ state[-1][0] + state[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), t[:, None], axis=1))

    @jax.jit
    def update(state: Any, x: Any, t: Any) -> Any:
        loss, grads = jax.value_and_grad(mean_loss)(state, x, t)
        return loss, jax.tree.map(lambda p, g: p - LEARNING_RATE * g, state, grads)

    def step() -> float:
        nonlocal state
        loss, state = update(state, inputs, labels)
        return float(loss)  # waits for the step to end

    return step


def scikit_learn(network: Network, dtype: str) -> Step:
    from sklearn.neural_network import MLPClassifier

    parameters, x, t = network.data(dtype)
    model = MLPClassifier(
        network.widths[1:-1],
        activation="relu",
        solver="sgd",
        alpha=0,
        batch_size=network.batch,
        learning_rate_init=LEARNING_RATE,
        momentum=0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    model.partial_fit(x, t, classes=np.arange(network.widths[-1]))  # makes the arrays, which we then fill
    for (W, b), coefs, intercepts in zip(parameters, model.coefs_, model.intercepts_, strict=True):
        coefs[...], intercepts[...] = W, b

    def step() -> float:
        model.partial_fit(x, t)
        return float(model.loss_)

    return step


# name -> the module that it needs, and its maker
PEERS = {
    "book": ("numpy", book),
    "pytorch": ("torch", pytorch),
    "jax": ("jax", jax),
    "scikit-learn": ("sklearn", scikit_learn),
}


def installed(peer: str) -> bool:
    return available(PEERS[peer][0])


def available(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
