"""The affine layer, and the matrix product, which is one without a bias."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import Array, Shape
from ..functional.affine import affine_backward, affine_forward
from ._base import LayerBase, no_forward, size_of
from ._sizes import refuses_sizes


class Affine(LayerBase):
    r"""Affine layer, ``y = x W + b``.

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

    Raises
    ------
    TypeError
        If W is a number: the layer takes its weights, which `fastlayers.initializers.affine` makes.

    See Also
    --------
    fastlayers.affine_forward, fastlayers.affine_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = x W + b`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout\,W^T`, :math:`\partial L / \partial W = x^T dout`,
    :math:`\partial L / \partial b = \sum_n dout_n`. Saitoh, *Deep Learning from Scratch*, section 5.6.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Affine(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.zeros(3))
    >>> layer.forward(np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([[1., 3., 3.],
           [2., 4., 6.]])
    >>> layer.backward(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    array([[1., 0.],
           [3., 0.]])
    >>> layer.dW
    array([[1., 0., 2.],
           [1., 0., 0.]])
    >>> layer.db
    array([1., 0., 1.])
    >>> layer
    Affine(W=float64[2,3], b=float64[3])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W", "b")
    _initializer: ClassVar[str] = "affine(D, M)"
    _can_leave_out_dx: ClassVar[bool] = True
    _keeps: ClassVar[str | None] = "affine"
    _forward = staticmethod(affine_forward)
    _backward: ClassVar[Callable[..., tuple[Array | None, Array | None, Array | None]]] = staticmethod(affine_backward)
    _memory: Any = None  # of y
    _gradients: Any = None  # of dx, dW, db
    _x_shape: tuple[int, ...] = ()  # of the last x, where one of more than two axes was given

    @refuses_sizes
    def __init__(self, W: ArrayLike, b: ArrayLike | None = None) -> None:
        self.W: Array = np.asanyarray(W)
        self.b: Array | None = None if b is None else np.asanyarray(b)
        self.x: Array | None = None
        self.dW: Array | None = None
        self.db: Array | None = None
        self._memory = recycler()
        self._gradients = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, M)`` of x ``(N, ...)``; ``(M,)`` of one sample ``(D,)``."""
        if type(x) is not np.ndarray:
            x = np.asanyarray(x)
        shape = x.shape
        if len(shape) > 2:
            x = x.reshape(shape[0], math.prod(shape[1:]))
        y = self._forward(x, self.W, self.b, out=self._memory)
        self.x = x
        if len(shape) > 2 or self._x_shape:
            self._x_shape = shape
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(x, self.W, self.b)

    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[True] = True) -> Array: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[False]) -> None: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: bool) -> Array | None: ...
    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> Array | None:
        """dx of the shape that x had, or None without `need_dx`; sets dW and db. RuntimeError before forward.

        Of a frozen layer dW and db are None: they are not computed.
        """
        if self.x is None:
            raise no_forward(self)
        dx: Array | None
        need_dW, out = not self.frozen, self._memory_of_gradients()
        dx, dW, db = self._backward(dout, self.x, self.W, need_dx=need_dx, need_dW=need_dW, out=out)
        if self._handed_out:
            self._set_gradients(W=dW, b=None if self.b is None else db)
        else:
            self.dW, self.db = dW, None if self.b is None else db
        return dx if dx is None or len(self._x_shape) < 3 else dx.reshape(self._x_shape)

    def _memory_of_gradients(self) -> Any:
        """For dx, dW and db; of a frozen layer for dx alone."""
        return (self._gradients[0], None, None) if self.frozen else self._gradients

    @property
    def _sample_size(self) -> int:
        return len(self.W)

    def _output_shape(self, shape: Shape) -> Shape:
        """``(M,)``; ValueError unless W is ``(D, M)`` and b ``(M,)``, for samples of D numbers."""
        shapes = [param.shape for _, param in self._named_params()]
        W, biases = shapes[0], shapes[1:]
        width = size_of(shape)
        if len(W) != 2 or any(b != W[1:] for b in biases) or width not in (None, W[0]):
            expected = f"expected W ({'D' if width is None else width}, M)" + (" and b (M,)" if biases else "")
            sample = "" if width is None else f" for a sample of shape {shape}"
            raise ValueError(f"has parameters of shapes {shapes}; {expected}{sample}")
        return (int(W[1]),)

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """A multiplication and an addition for each weight; the first product of a sum is added to the bias, if any."""
        return 2 * self.W.size - (0 if self.b is not None else self.W.shape[1])

    def _write_gradients_into(self, arrays: Sequence[Array]) -> None:
        """As `put_gradients_in`."""
        self.put_gradients_in(*arrays)

    def put_gradients_in(self, dW: Array, db: Array | None = None) -> None:
        """Have backward write its gradients into these arrays from now on, each time into the same.

        So the gradients of several layers can be parts of one buffer, which is exchanged or scaled as a whole.

        Parameters
        ----------
        dW : ndarray
            Of W's shape, in the dtype that the gradient has: W's own where x and dout are of it too.
        db : ndarray, optional
            Of b's shape; with no bias it is not needed.

        Raises
        ------
        TypeError, ValueError
            If an array does not fit; `backward` raises them too, where x or dout make the gradient another dtype.
        """
        for name, out, param in (("dW", dW, self.W), ("db", db, self.b)):
            if param is None or (out is None and name == "db"):
                continue
            if not isinstance(out, np.ndarray):
                raise TypeError(f"{name} must be an ndarray, not {type(out).__name__}")
            if out.shape != param.shape:
                raise ValueError(f"{name} has shape {out.shape}, but the gradient has shape {param.shape}")
            if not out.flags.writeable:
                raise ValueError(f"{name} is read-only")
        self._gradients = recycler(), dW, recycler() if self.b is None or db is None else db


class MatMul(Affine):
    r"""Matrix product, ``y = x W``: an `Affine` layer that has no bias.

    Parameters
    ----------
    W : ndarray
        Weights ``(D, M)``. The array itself is kept, so that an optimizer can update it in place.

    Attributes
    ----------
    W
        As given.
    x : ndarray or None
        The input of the last forward, ``(N, D)``: the array itself, flattened where it was N-d.
    dW : ndarray or None
        The gradient of the last backward, of W's shape.

    Raises
    ------
    TypeError
        If W is a number.

    See Also
    --------
    fastlayers.affine_forward, fastlayers.affine_backward : the functions behind it, here without b.

    Notes
    -----
    Forward: :math:`y = x W`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout\,W^T`, :math:`\partial L / \partial W = x^T dout`.
    An x of more than two axes is read as ``(N, D)``, as `Affine` reads it.
    Saitoh, *Deep Learning from Scratch 2*, section 1.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MatMul(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]))
    >>> layer.forward(np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([[1., 3., 3.],
           [2., 4., 6.]])
    >>> layer.backward(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    array([[1., 0.],
           [3., 0.]])
    >>> layer.grads
    [array([[1., 0., 2.],
           [1., 0., 0.]])]
    >>> layer
    MatMul(W=float64[2,3])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W",)
    _initializer: ClassVar[str] = "affine(D, M)[:1]"

    @refuses_sizes
    def __init__(self, W: ArrayLike) -> None:
        super().__init__(W)
