"""The same elsewhere: PyTorch and JAX. The book's code is in ``book.py``, predictions in ``predictions.py``.

Each maker of a training step takes a network and a dtype and gives a step without arguments that returns the
loss before its update. All start from the weights, batch and learning rate of `Network.data`, and run on as
many threads as we do, where they can be told.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import book
import numpy as np

import fastlayers
from fastlayers.command.measured import LEARNING_RATE, Call, Network

Step = Callable[[], float]
LOSS_TOLERANCE = 1e-5  # of float32 sums in an order of their own


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
    _, x, t = network.data(dtype)
    return pytorch_step(pytorch_network(network, dtype), x, t)


def pytorch_step(net: Any, x: Any, t: Any) -> Step:
    torch = import_torch()
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


def pytorch_relu(x: Any, dout: Any) -> Call:
    """Forward and backward into memory that is there; by autograd it finds fresh memory, at six times the time."""
    torch = import_torch()
    inputs, slopes = torch.from_numpy(x), torch.from_numpy(dout)
    y, dx = torch.empty_like(inputs), torch.empty_like(inputs)
    backward = torch.ops.aten.threshold_backward.grad_input

    def step() -> None:
        torch.clamp_min(inputs, 0, out=y)
        backward(slopes, y, 0, grad_input=dx)

    step()
    np.testing.assert_array_equal(y.numpy(), np.maximum(x, 0))
    np.testing.assert_array_equal(dx.numpy(), np.where(x > 0, dout, 0))
    return Call(step, (), {})


def pytorch_epoch(network: Network, x: Any, t: Any) -> Callable[..., float]:
    """An epoch with Adam over batches in an order, shuffled where none is given; the mean loss of the batches."""
    torch = import_torch()
    net = pytorch_network(network, str(x.dtype))
    criterion, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters())
    inputs, labels = torch.from_numpy(x), torch.from_numpy(t)

    def epoch(order: Any = None) -> float:
        losses = []
        for batch in torch.as_tensor(torch.randperm(len(inputs)) if order is None else order).split(network.batch):
            optimizer.zero_grad()
            loss = criterion(net(inputs[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    return epoch


def jax(network: Network, dtype: str) -> Step:
    """The whole step is one compiled function."""
    parameters, x, t = network.data(dtype)
    return jax_step(jax_scores, parameters, x, t)


def jax_scores(state: Any, x: Any) -> Any:
    import jax

    for W, b in state[:-1]:
        x = jax.nn.relu(x @ W + b)
    return x @ state[-1][0] + state[-1][1]


def import_jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)  # otherwise it takes float64 for float32
    return jax


def jax_step(scores: Callable[[Any, Any], Any], parameters: Any, x: Any, t: Any) -> Step:
    jax = import_jax()
    import jax.numpy as jnp

    state = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters]
    inputs, labels = jnp.asarray(x), jnp.asarray(t)

    def mean_loss(state: Any, x: Any, t: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores(state, x)), t[:, None], axis=1))

    @jax.jit
    def update(state: Any, x: Any, t: Any) -> Any:
        loss, grads = jax.value_and_grad(mean_loss)(state, x, t)
        return loss, jax.tree.map(lambda p, g: p - LEARNING_RATE * g, state, grads)

    def step() -> float:
        nonlocal state
        loss, state = update(state, inputs, labels)
        return float(loss)  # waits for the step to end

    return step


# name -> the module that it needs, and its maker
PEERS = {
    "book": ("numpy", book.training),
    "pytorch": ("torch", pytorch),
    "jax": ("jax", jax),
}


def installed(peer: str) -> bool:
    return available(PEERS[peer][0])


def available(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
