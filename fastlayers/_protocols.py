"""What a network asks of its parts, which may be a user's own."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]


class Layer(Protocol):
    """What a layer must have; one with parameters also has ``W``, ``b``, ``dW``, ``db``, any ``b`` None.

    One with a ``predict(x)`` has it called in place of ``forward`` where nothing is to be learned.
    """

    def forward(self, x: Any) -> Any: ...
    def backward(self, dout: Any) -> Any: ...


class Loss(Protocol):
    """What a loss must have; one that takes weights has them as ``forward(x, t, sample_weight=...)``.

    One with an ``accuracy(scores, t)`` is asked for it, in place of comparing the largest score with the label.
    """

    def forward(self, x: Any, t: Any) -> float: ...
    def backward(self) -> Any: ...


class Optimizer(Protocol):
    """What an optimizer must have; those of `fastlayers.optimizers` do."""

    def update(self, params: list[Array], grads: list[Array]) -> None: ...
