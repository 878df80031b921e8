"""The affine layer of each step of a sequence."""

from __future__ import annotations

import math
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import real, rows_of_steps
from .._core.types import Array, Shape
from ._base import no_forward
from .affine import Affine


class TimeAffine(Affine):
    r"""Affine layer of each step of each sequence, ``y = x W + b`` along the last axis: `Affine` reads a sample as one.

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
        The input of the last forward, ``(N, T, D)``: the array itself.
    dW, db : ndarray or None
        Gradients of the last backward, of W's and b's shape; db is None without a bias.

    Raises
    ------
    TypeError
        If W is a number.

    See Also
    --------
    fastlayers.affine_forward, fastlayers.affine_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y_{nt} = x_{nt} W + b`, which is one product of N T rows. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x_{nt} = dout_{nt} W^T`,
    :math:`\partial L / \partial W = \sum_{nt} x_{nt}^T dout_{nt}` and
    :math:`\partial L / \partial b = \sum_{nt} dout_{nt}`. Any axes may stand before the last.
    Saitoh, *Deep Learning from Scratch 2*, section 5.4.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeAffine(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.zeros(3))
    >>> layer.forward(np.array([[[1.0, 1.0], [2.0, 0.0]]]))
    array([[[1., 3., 3.],
            [2., 4., 6.]]])
    >>> layer.backward(np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]))
    array([[[1., 0.],
            [3., 0.]]])
    >>> layer.db
    array([1., 0., 1.])
    >>> layer
    TimeAffine(W=float64[2,3], b=float64[3])
    """

    _keeps = "steps"

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, T, M)`` of x ``(N, T, D)``; x is kept by reference."""
        if type(x) is not np.ndarray:
            x = np.asanyarray(x)
        y = self._of_steps(self._forward(self._rows(x), self.W, self.b, out=self._memory), x)
        self.x = x
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        x = np.asanyarray(x)
        return self._of_steps(self._forward(self._rows(x), self.W, self.b), x)

    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[True] = True) -> Array: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[False]) -> None: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: bool) -> Array | None: ...
    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> Array | None:
        """dx ``(N, T, D)``, or None without `need_dx`; sets dW and db. RuntimeError before forward."""
        x = self.x
        if x is None:
            raise no_forward(self)
        if x.ndim < 3:
            return super().backward(dout, need_dx=need_dx)
        dout = dout if type(dout) is np.ndarray else real("dout", dout)
        if dout.shape != (expected := (*x.shape[:-1], *self.W.shape[1:])):
            raise ValueError(f"dout of shape {dout.shape} does not fit the output of shape {expected}")
        rows, need_dW = (rows_of_steps(dout), rows_of_steps(x), self.W), not self.frozen
        dx, dW, db = self._backward(*rows, need_dx=need_dx, need_dW=need_dW, out=self._memory_of_gradients())
        self._set_gradients(W=dW, b=None if self.b is None else db)
        return dx if dx is None else dx.reshape(x.shape)

    def _rows(self, x: Array, name: str = "x") -> Array:
        """What the product takes; ValueError where a step has not W's numbers: taken together they might have."""
        if x.ndim < 3:
            return x
        if self.W.ndim == 2 and x.shape[-1] != len(self.W):
            raise ValueError(
                f"{name} of shape {x.shape} does not fit W of shape {self.W.shape}: a step must have W's {len(self.W)} "
                "numbers"
            )
        return rows_of_steps(x)

    def _of_steps(self, y: Array, x: Array) -> Array:
        return y if x.ndim < 3 else y.reshape(*x.shape[:-1], y.shape[-1])

    @property
    def _sample_size(self) -> None:  # type: ignore[override]  # unlike `Affine`'s it is not known
        """None: a sample may have any number of steps."""

    def _output_shape(self, shape: Shape) -> Shape:
        """``(T, M)`` for ``(T, D)``; ValueError unless W is ``(D, M)`` and b ``(M,)``, for steps of D numbers."""
        (width,) = super()._output_shape(shape[-1:] if shape else None)  # type: ignore[misc]  # it is known
        return None if shape is None else (*shape[:-1], width)

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """Those of an affine layer, for each step."""
        return math.prod(outputs[:-1]) * super()._flops(inputs, outputs)
