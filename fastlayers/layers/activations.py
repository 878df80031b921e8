"""Activations: elementwise layers."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray

from .. import _arguments, functional
from .._memory import Recycler, recycler
from ._base import LayerBase
from ._state import no_forward

Array = NDArray[Any]


class Relu(LayerBase):
    r"""Rectified linear unit, ``y = max(x, 0)``.

    Attributes
    ----------
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward.

    See Also
    --------
    fastlayers.relu_forward, fastlayers.relu_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \max(x, 0)`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout` where :math:`x > 0`, else 0.
    Saitoh, *Deep Learning from Scratch*, section 5.5.1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Relu()
    >>> layer.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    array([[1., 0.],
           [0., 3.]])
    >>> layer.backward(np.array([[10.0, 20.0], [30.0, 40.0]]))
    array([[10.,  0.],
           [ 0., 40.]])
    >>> layer
    Relu()
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
            raise no_forward(self)
        dx: Array = self._functions.relu_backward(dout, self.mask, out=self._memory[2])
        return dx


class LeakyRelu(LayerBase):
    r"""Leaky rectified linear unit, ``y = x`` where ``x > 0``, else ``negative_slope * x``.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope of what is not positive, finite; it may be set anew before a forward.

    Attributes
    ----------
    negative_slope : float
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward.

    See Also
    --------
    fastlayers.leaky_relu_forward, fastlayers.leaky_relu_backward : the functions behind it.

    Notes
    -----
    Forward, with the negative slope a: :math:`y = x` where :math:`x > 0`, else :math:`a x`. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = dout` where :math:`x > 0`, else
    :math:`a \, dout`.
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LeakyRelu(0.1)
    >>> layer.forward(np.array([1.0, -0.5, -2.0, 3.0]))
    array([ 1.  , -0.05, -0.2 ,  3.  ])
    >>> layer.backward(np.array([10.0, 20.0, 30.0, 40.0]))
    array([10.,  2.,  3., 40.])
    >>> layer
    LeakyRelu(negative_slope=0.1)
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None, None)  # of y, mask, dx

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = _arguments.number("negative_slope", negative_slope)
        if not math.isfinite(self.negative_slope):
            raise ValueError(f"negative_slope must be finite, not {self.negative_slope}")
        self.mask: Array | None = None
        self._memory = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y: Array
        y, self.mask = self._functions.leaky_relu_forward(x, self.negative_slope, out=self._memory[:2])
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array
        y, _ = self._functions.leaky_relu_forward(x, self.negative_slope)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.mask is None:
            raise no_forward(self)
        dx: Array = self._functions.leaky_relu_backward(dout, self.mask, self.negative_slope, out=self._memory[2])
        return dx


class Sigmoid(LayerBase):
    r"""Logistic sigmoid, ``y = 1 / (1 + exp(-x))``.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.sigmoid_forward, fastlayers.sigmoid_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = 1 / (1 + e^{-x})`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout \cdot y (1 - y)`. Saitoh, *Deep Learning from Scratch*, section 5.5.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Sigmoid()
    >>> layer.forward(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    >>> layer.backward(np.array([1.0, 1.0, 1.0]))
    array([0.  , 0.25, 0.  ])
    >>> layer
    Sigmoid()
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
            raise no_forward(self)
        dx: Array = self._functions.sigmoid_backward(dout, self.out, out=self._memory[1])
        return dx


class Tanh(LayerBase):
    r"""Hyperbolic tangent, ``y = tanh(x)``.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.tanh_forward, fastlayers.tanh_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \tanh x`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout \cdot (1 - y)(1 + y)`. LeCun et al., "Efficient backprop", 1998, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Tanh()
    >>> layer.forward(np.array([-1000.0, 0.0, 0.5])).round(6)
    array([-1.      ,  0.      ,  0.462117])
    >>> layer.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([0.      , 1.      , 0.786448])
    >>> layer
    Tanh()
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None)  # of y, dx

    def __init__(self) -> None:
        self.out: Array | None = None
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y: Array = self._functions.tanh_forward(x, out=self._memory[0])
        self.out = y
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array = self._functions.tanh_forward(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.out is None:
            raise no_forward(self)
        dx: Array = self._functions.tanh_backward(dout, self.out, out=self._memory[1])
        return dx
