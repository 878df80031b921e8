"""The layers of "Deep Learning from Scratch": state, forward, backward.

A layer holds what backward needs and calls the functions of `functional`; it never asks which backend
runs. The same classes bound to the pure path are in `reference`. Names and attributes are the book's;
``predict`` is added: forward without a trace, so that many threads may predict with one layer.

A result's memory is used again for a later one, as soon as nobody but the layer holds it (`_memory`); a
subclass that does not call ``__init__`` goes without.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _contract, functional
from ._memory import Recycler, recycler

Array = NDArray[Any]

__all__ = ["AddLayer", "Affine", "MulLayer", "Relu", "Sigmoid", "SoftmaxWithLoss"]


class MulLayer:
    r"""Multiplication node: :math:`z = x y`, so :math:`dx = dout \cdot y` and :math:`dy = dout \cdot x`.

    Takes plain numbers, and gives back plain numbers; or arrays of one shape; or one of each. Numbers are multiplied
    as Python and NumPy do it: an int that a float or an array's dtype cannot hold is an OverflowError.

    Attributes
    ----------
    x, y
        The two inputs of the last forward. Saitoh, section 5.4.1.

    Examples
    --------
    >>> layer = MulLayer()
    >>> layer.forward(100, 2)
    200
    >>> layer.backward(1.5)
    (3.0, 150.0)
    """

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """``x * y``; both are kept for backward."""
        x, y = _contract.operands(x, y)
        z = x * y
        self.x, self.y = x, y
        return z

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """``(dout * y, dout * x)``: each input's slope is the other input. RuntimeError before forward."""
        if self.x is None:
            raise _no_forward(self)
        dout = _contract.gradient_of_node(dout, self.x, self.y)
        return _summed_like(self.x, dout * self.y), _summed_like(self.y, dout * self.x)


class AddLayer:
    """Addition node: ``z = x + y``, so both gradients are ``dout``. Saitoh, section 5.4.2.

    Takes what `MulLayer` takes.

    Examples
    --------
    >>> layer = AddLayer()
    >>> layer.forward(200, 450), layer.backward(1.1)
    (650, (1.1, 1.1))
    """

    def __init__(self) -> None:
        self._operands: tuple[Any, Any] | None = None

    def forward(self, x: Any, y: Any) -> Any:
        """``x + y``."""
        x, y = _contract.operands(x, y)
        z = x + y
        self._operands = x, y
        return z

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """``(dout, dout)``: each slope is 1. RuntimeError before forward."""
        if self._operands is None:
            raise _no_forward(self)
        x, y = self._operands
        dout = _contract.gradient_of_node(dout, x, y)
        return _summed_like(x, dout * 1), _summed_like(y, dout * 1)


class Relu:
    """Rectified linear unit, ``y = max(x, 0)``.

    Attributes
    ----------
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward.

    See Also
    --------
    fastlayers.relu_forward, fastlayers.relu_backward : the functions behind it.
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None, None)  # of y, mask, dx

    def __init__(self) -> None:
        self.mask: Array | None = None
        self._memory = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape and dtype."""
        y: Array
        y, self.mask = self._functions.relu_forward(x, out=self._memory[:2])
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y alone: no mask is made, and nothing is kept."""
        y: Array = self._functions.relu(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape and dtype; dout is left as it is. RuntimeError before forward."""
        if self.mask is None:
            raise _no_forward(self)
        dx: Array = self._functions.relu_backward(dout, self.mask, out=self._memory[2])
        return dx


class Sigmoid:
    """Logistic sigmoid, ``y = 1 / (1 + exp(-x))``.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.sigmoid_forward, fastlayers.sigmoid_backward : the functions behind it.
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None)  # of y, dx

    def __init__(self) -> None:
        self.out: Array | None = None
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y: Array = self._functions.sigmoid_forward(x, out=self._memory[0])
        self.out = y
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array = self._functions.sigmoid_forward(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.out is None:
            raise _no_forward(self)
        dx: Array = self._functions.sigmoid_backward(dout, self.out, out=self._memory[1])
        return dx


class Affine:
    """Affine layer, ``y = x W + b``.

    Parameters
    ----------
    W : ndarray
        Weights ``(D, M)``. The array itself is kept, so that an optimizer can update it in place.
    b : ndarray, optional
        Bias ``(M,)``, kept likewise.

    Attributes
    ----------
    W, b
        As given.
    x : ndarray or None
        The input of the last forward, ``(N, D)``: the array itself, flattened where it was N-d.
    dW, db : ndarray or None
        Gradients of the last backward, of W's and b's shape; db is None without a bias.

    See Also
    --------
    fastlayers.affine_forward, fastlayers.affine_backward : the functions behind it.
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: Recycler | None = None  # of y
    _gradients: tuple[Recycler | None, ...] | None = None  # of dx, dW, db

    def __init__(self, W: ArrayLike, b: ArrayLike | None = None) -> None:
        self.W: Array = np.asanyarray(W)
        self.b: Array | None = None if b is None else np.asanyarray(b)
        self.x: Array | None = None
        self.dW: Array | None = None
        self.db: Array | None = None
        self._x_shape: tuple[int, ...] = ()
        self._memory = recycler()
        self._gradients = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, M)`` of x ``(N, ...)``; ``(M,)`` of one sample ``(D,)``."""
        if type(x) is not np.ndarray:
            x = np.asanyarray(x)
        shape = x.shape
        if len(shape) > 2:
            x = x.reshape(shape[0], math.prod(shape[1:]))
        y: Array = self._functions.affine_forward(x, self.W, self.b, out=self._memory)
        self.x, self._x_shape = x, shape
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array = self._functions.affine_forward(x, self.W, self.b)
        return y

    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> Array | None:
        """dx of the shape that x had, or None without `need_dx`; sets dW and db. RuntimeError before forward."""
        if self.x is None:
            raise _no_forward(self)
        dx: Array | None
        dx, self.dW, db = self._functions.affine_backward(dout, self.x, self.W, need_dx=need_dx, out=self._gradients)
        self.db = None if self.b is None else db
        return dx if dx is None or len(self._x_shape) < 3 else dx.reshape(self._x_shape)


class SoftmaxWithLoss:
    """Softmax and cross-entropy, the last layer of a classifier.

    Parameters
    ----------
    weight, ignore_index, label_smoothing, reduction
        As for `fastlayers.softmax_cross_entropy`; they may be set later too.

    Attributes
    ----------
    weight : array_like or None
        ``(C,)``, how much each class counts.
    ignore_index : int or None
        The label whose samples do not count.
    label_smoothing : float
        How much of each target is spread over all classes.
    reduction : str
        What the loss is: ``"mean"``, ``"sum"`` or ``"none"``.
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of the labels' shape.
    y : ndarray or None
        Its probabilities, of x's shape.
    t : array_like or None
        Its labels or targets, as given.

    See Also
    --------
    fastlayers.softmax_cross_entropy : the function behind it.
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] | None = None  # of y, dx
    _copies: Recycler | None = None  # of dx, for backward
    # The defaults, for a subclass whose own __init__ does not call this one's too.
    weight: ArrayLike | None = None
    ignore_index: int | None = None
    label_smoothing: float = functional._NO_SMOOTHING
    reduction: functional.Reduction = functional._MEAN

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = functional._NO_SMOOTHING,
        reduction: functional.Reduction = functional._MEAN,
    ) -> None:
        self.weight = weight
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.reduction = reduction
        self.loss: Any = None
        self.y: Array | None = None
        self.t: ArrayLike | None = None
        self._dx: Array | None = None
        self._memory = recycler(), recycler()
        self._copies = recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of scores x against labels or targets t: a float, or with ``reduction="none"`` an array."""
        # By place, which is faster than by name.
        loss, self.y, self._dx = self._functions.softmax_with_loss(
            x,
            t,
            self.weight,
            sample_weight,
            self.ignore_index,
            self.label_smoothing,
            self.reduction,
            self._memory,
        )
        self.loss, self.t = loss, t
        return loss

    def backward(self, dout: ArrayLike = 1) -> Array:
        """dx, of x's shape and dtype, times `dout`: a number, or of the loss's shape. RuntimeError before forward."""
        if self._dx is None:
            raise _no_forward(self)
        # dx was computed with the loss; each call hands out a copy, so no one holds what another may write to.
        dx = np.empty_like(self._dx) if self._copies is None else self._copies.like(self._dx)
        if type(dout) is int and dout == 1:
            np.copyto(dx, self._dx)
        else:
            np.multiply(self._dx, _contract.gradient_of_loss(dout, self.loss, dx.ndim), out=dx)
        return dx


def _summed_like(operand: Any, gradient: Any) -> Any:
    """The gradient of an operand: of a number that went into a whole array, the sum."""
    if getattr(operand, "ndim", 0) < getattr(gradient, "ndim", 0):
        return np.sum(gradient).item()
    return gradient


def _no_forward(layer: object) -> RuntimeError:
    return RuntimeError(
        f"{type(layer).__name__}.backward was called before forward: there is nothing to go back through"
    )
