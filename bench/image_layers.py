"""Single layers of images, here and elsewhere: forward, and forward with backward.

Each kind says which layer it is, by the classes of a module, and which function of x and the parameters PyTorch and JAX
have in its place. Contenders give y, then dx and the parameters' gradients, as arrays of NumPy's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import image_networks
import numpy as np
import peers
import predictions
from goals import Source

import fastlayers
from fastlayers import reference
from fastlayers.command.cases import Draw, Shape

MOMENTUM, EPS = 0.9, 10e-7
Function = Callable[..., Any]


class Kind(Protocol):
    @property
    def shape(self) -> Shape:
        """Of a batch."""

    def parameters(self, draw: Draw) -> tuple[Any, ...]: ...

    def layer(self, path: ModuleType, *parameters: Any) -> Any: ...

    def pytorch(self, torch: Any, dtype: str) -> Function: ...

    def jax(self, jnp: Any, dtype: str) -> Function:
        """Gives y, and what else a forward computes."""


@dataclass(frozen=True)
class Convolve:
    shape: Shape
    filters: int
    side: int
    pad: int = 0

    def parameters(self, draw: Draw) -> tuple[Any, ...]:
        return draw(self.filters, self.shape[1], self.side, self.side), draw(self.filters)

    def layer(self, path: ModuleType, *parameters: Any) -> Any:
        return path.Convolution(*parameters, 1, self.pad)

    def pytorch(self, torch: Any, dtype: str) -> Function:
        return lambda x, W, b: torch.conv2d(x, W, b, padding=self.pad)

    def jax(self, jnp: Any, dtype: str) -> Function:
        return lambda x, W, b: (image_networks.jax_convolution(x, W, b, self.pad), ())


@dataclass(frozen=True)
class Pool:
    """Windows of 2 by 2."""

    shape: Shape

    def parameters(self, draw: Draw) -> tuple[Any, ...]:
        return ()

    def layer(self, path: ModuleType, *parameters: Any) -> Any:
        return path.Pooling(2, 2)

    def pytorch(self, torch: Any, dtype: str) -> Function:
        return lambda x: torch.max_pool2d(x, 2)

    def jax(self, jnp: Any, dtype: str) -> Function:
        return lambda x: (image_networks.jax_pooling(x), ())


@dataclass(frozen=True)
class Normalise:
    """By channel where gamma has a number for each, and by element where it has one for each number of a sample."""

    shape: Shape
    size: int

    def parameters(self, draw: Draw) -> tuple[Any, ...]:
        return draw(self.size), draw(self.size)

    def layer(self, path: ModuleType, *parameters: Any) -> Any:
        return path.BatchNormalization(*parameters)

    def pytorch(self, torch: Any, dtype: str) -> Function:
        mean, var = (torch.zeros(self.size, dtype=getattr(torch, dtype)) for _ in range(2))

        def function(x: Any, gamma: Any, beta: Any) -> Any:
            rows = self.rows(x)
            y = torch.nn.functional.batch_norm(rows, mean, var, gamma, beta, True, 1 - MOMENTUM, EPS)
            return y.reshape(x.shape)

        return function

    def jax(self, jnp: Any, dtype: str) -> Function:
        running = (jnp.zeros(self.size, dtype),) * 2

        def function(x: Any, gamma: Any, beta: Any) -> Any:
            rows = self.rows(x)
            images = rows.ndim == 4
            axes, across = ((0, 2, 3), (slice(None), None, None)) if images else (0, ())
            mean, var = rows.mean(axes), rows.var(axes)
            scale = gamma / jnp.sqrt(var + EPS)
            y = (rows - mean[across]) * scale[across] + beta[across]
            kept = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(running, (mean, var), strict=True)]
            return y.reshape(x.shape), kept

        return function

    def rows(self, x: Any) -> Any:
        return x if self.size == self.shape[1] else x.reshape(len(x), self.size)


def drawn(kind: Kind, dtype: str) -> tuple[Any, Any, tuple[Any, ...]]:
    """x, dout and the parameters, always the same."""
    x, parameters = Draw(dtype)(*kind.shape), kind.parameters(Draw(dtype))
    y = kind.layer(reference, *parameters).forward(x)
    return x, Draw(dtype)(y.size + 1)[1:].reshape(y.shape), parameters


def by_layer(kind: Kind, path: ModuleType, dtype: str, backward: bool) -> tuple[Source, Function]:
    """What is timed, and what it gives."""
    x, dout, parameters = drawn(kind, dtype)
    layer = kind.layer(path, *parameters)
    gradients = [name for name in ("dW", "db", "dgamma", "dbeta") if backward and hasattr(layer, name[1:])]

    def results() -> list[Any]:
        found = [layer.forward(x), *([layer.backward(dout)] if backward else [])]
        return [*found, *(getattr(layer, name) for name in gradients)]

    source = "layer.forward(x); layer.backward(dout)" if backward else "layer.forward(x)"
    return Source(source, {"layer": layer, "x": x, "dout": dout}), results


def pytorch(kind: Kind, dtype: str, backward: bool) -> Function:
    torch = peers.import_torch()
    x, dout, parameters = drawn(kind, dtype)
    function, slopes = kind.pytorch(torch, dtype), torch.from_numpy(dout)
    given = [torch.from_numpy(array.copy()).requires_grad_(backward) for array in (x, *parameters)]

    def forward() -> Any:
        with torch.inference_mode():
            return (function(*given),)

    def both() -> Any:
        y = function(*given)
        return y.detach(), *torch.autograd.grad(y, given, slopes)

    return both if backward else forward


def jax(kind: Kind, dtype: str, backward: bool) -> Function:
    jax = peers.import_jax()
    import jax.numpy as jnp

    x, dout, parameters = drawn(kind, dtype)
    function, slopes = kind.jax(jnp, dtype), jnp.asarray(dout)
    given = [jnp.asarray(array) for array in (x, *parameters)]

    def both(slopes: Any, *given: Any) -> Any:
        y, gradients, kept = jax.vjp(function, *given, has_aux=True)
        return (y, *gradients(slopes)), kept

    def forward(slopes: Any, *given: Any) -> Any:
        y, kept = function(*given)
        return (y,), kept

    compiled = jax.jit(both if backward else forward)
    return lambda: jax.block_until_ready(compiled(slopes, *given))[0]


def onnx_runtime(kind: Kind, dtype: str) -> Function:
    x, _, parameters = drawn(kind, dtype)
    predict = predictions.onnx_scores(fastlayers.Sequential([kind.layer(fastlayers, *parameters)]), x)
    return lambda: (predict(),)


def compared(name: str, got: Any, expected: Any, tolerance: float) -> None:
    """AssertionError unless each result is near the reference's, for its largest number."""
    for one, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, want, 0, tolerance * np.abs(want).max(), err_msg=name)
