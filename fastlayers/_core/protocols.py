"""What a network asks of its parts, which may be a user's own."""

from __future__ import annotations

from typing import Any, Protocol

from .types import Array


class Layer(Protocol):
    """What a layer must have, to annotate lists of layers with: nothing need be inherited.

    One with parameters also has ``W``, ``b``, ``dW``, ``db``, any ``b`` None; or lists ``params``, ``grads``; or names
    its attributes in ``param_names``, and has a ``d`` before each for its gradient. One with a ``predict(x)`` has it
    called in place of ``forward`` where nothing is to be learned.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> class Double:
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, dout):
    ...         return 2 * dout
    >>> layers: list[fl.Layer] = [Double(), fl.Affine(np.ones((2, 1))), fl.Relu()]
    >>> fl.Sequential(layers, fl.MeanSquaredError())
    Sequential([Double(...), Affine(W=float64[2,1]), Relu()], MeanSquaredError())
    """

    def forward(self, x: Any) -> Any:
        """What comes out; whatever backward needs is kept."""

    def backward(self, dout: Any) -> Any:
        """The gradient of what came in, given that of what came out; those of parameters are kept."""


class Loss(Protocol):
    """What a loss must have; one that takes weights has them as ``forward(x, t, sample_weight=...)``.

    One with an ``accuracy(scores, t)`` is asked for it, in place of comparing the largest score with the label.
    """

    def forward(self, x: Any, t: Any) -> float: ...
    def backward(self) -> Any: ...


class Optimizer(Protocol):
    """What an optimizer must have; those of `fastlayers.optimizers` do."""

    def update(self, params: list[Array], grads: list[Array]) -> None: ...
