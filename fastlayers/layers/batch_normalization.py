"""The batch normalization layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.memory import recycler
from .._core.options import FRACTION, POSITIVE, Option
from .._core.types import Array, Shape
from ..functional._batch_normalization import EPS
from ..functional.batch_normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_forward,
)
from ._base import LayerBase, no_forward, size_of
from ._sizes import refuses_sizes


class BatchNormalization(LayerBase):
    r"""Batch normalization, ``y = gamma * (x - mean) / sqrt(var + eps) + beta``.

    In training by the mean and the variance of each batch, of which running ones are kept; in prediction by these.

    Parameters
    ----------
    gamma, beta : ndarray
        Scale and shift, ``(D,)`` for x ``(N, D)``. For images ``(N, C, H, W)`` they are ``(C,)``, and each channel is
        normalised over samples and places; or, as in the book, ``(C * H * W,)``, and each number of a sample is
        normalised over the samples. The arrays themselves are kept, so that an optimizer can update them in place.
    momentum : float, default 0.9
        How much of the running mean and variance remains at each forward, from 0 to 1. PyTorch's ``momentum`` is what
        does not: 1 less this.
    running_mean, running_var : ndarray, optional
        To go on from; of gamma's shape. They are not written to.
    eps : float, default 10e-7
        Added to the variance inside the root; more than 0. PyTorch's default is 1e-5.

    Attributes
    ----------
    gamma, beta, momentum, eps
        As given.
    running_mean, running_var : ndarray or None
        As given, until each forward in training sets new ones; None before the first, which begins at zero. The
        variance is the biased one, divided by the number of values: PyTorch keeps the unbiased one.
    x : ndarray or None
        The input of the last forward in training: the array itself.
    mean, var : ndarray or None
        Of the last batch in training, in float64 at least.
    dgamma, dbeta : ndarray or None
        Gradients of the last backward, of gamma's shape.

    Raises
    ------
    TypeError, ValueError
        If momentum or eps is no number, or outside its range.

    See Also
    --------
    fastlayers.batch_normalization, fastlayers.batch_normalization_forward, fastlayers.batch_normalization_backward :
        the functions behind it.

    Notes
    -----
    A network that predicts before any batch was seen has running statistics of zero, as in the book: it divides by the
    root of eps alone. An empty batch changes nothing that is running.

    Processes that train together (`fastlayers.mpi`) normalise each by its own part of a batch, and after each step all
    have the running statistics of the first rank whose part had samples: those are local to its part, not averaged,
    which is as good an estimate and is the same on every rank.

    Forward: :math:`y = \gamma \hat{x} + \beta`, where :math:`\hat{x} = (x - \mu) s` and
    :math:`s = 1 / \sqrt{v + \epsilon}`. Backward, with :math:`dout = \partial L / \partial y` and sums over the n
    values of a channel: :math:`\partial L / \partial \beta = \sum dout`,
    :math:`\partial L / \partial \gamma = \sum dout\,\hat{x}`,
    :math:`\partial L / \partial x = \gamma s (dout - \sum dout / n - \hat{x} \sum dout\,\hat{x} / n)`.
    Saitoh, *Deep Learning from Scratch*, section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization(np.ones(2), np.zeros(2))
    >>> layer.forward(np.array([[1.0, 10.0], [3.0, 20.0]])).round(4)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean, layer.running_var.round(4)
    (array([0.2, 1.5]), array([0.1, 2.5]))
    >>> layer.backward(np.array([[1.0, 0.0], [1.0, 0.0]])).round(4)
    array([[0., 0.],
           [0., 0.]])
    >>> layer.dbeta
    array([2., 0.])
    >>> layer
    BatchNormalization(gamma=float64[2], beta=float64[2], running_mean=float64[2], running_var=float64[2])
    """

    param_names: ClassVar[tuple[str, ...]] = ("gamma", "beta")
    _initializer: ClassVar[str] = "batch_normalization(D)"
    buffer_names: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")
    options: ClassVar[Mapping[str, Option]] = {"momentum": FRACTION, "eps": POSITIVE}
    _can_leave_out_dx: ClassVar[bool] = True
    _forward = staticmethod(batch_normalization_forward)
    _backward: ClassVar[Callable[..., tuple[Array | None, Array, Array]]] = staticmethod(batch_normalization_backward)
    _predict = staticmethod(batch_normalization)
    _memory: Any = None  # of y, mean, var and the running ones
    _gradients: Any = None  # of dx, dgamma, dbeta

    momentum: float = 0.9
    eps: float = EPS

    @refuses_sizes
    def __init__(
        self,
        gamma: ArrayLike,
        beta: ArrayLike,
        momentum: float = 0.9,
        running_mean: ArrayLike | None = None,
        running_var: ArrayLike | None = None,
        *,
        eps: float = EPS,
    ) -> None:
        self.gamma: Array = np.asanyarray(gamma)
        self.beta: Array = np.asanyarray(beta)
        self._set_options(momentum=arguments.probability("momentum", momentum), eps=arguments.positive("eps", eps))
        self.running_mean: Array | None = None if running_mean is None else np.asanyarray(running_mean)
        self.running_var: Array | None = None if running_var is None else np.asanyarray(running_var)
        self.x: Array | None = None
        self.mean: Array | None = None
        self.var: Array | None = None
        self.dgamma: Array | None = None
        self.dbeta: Array | None = None
        self._memory = recycler(), recycler(), recycler(), recycler(), recycler()
        self._gradients = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike, train_flg: bool = True) -> Array:
        """y, of x's shape; without `train_flg` as `predict`, and backward goes through the last pass with it."""
        if not train_flg:
            return self.predict(x)
        if type(x) is not np.ndarray:
            x = np.asanyarray(x)
        y, self.mean, self.var, self.running_mean, self.running_var = self._forward(
            x,
            self.gamma,
            self.beta,
            self.running_mean,
            self.running_var,
            momentum=self.momentum,
            eps=self.eps,
            out=self._memory,
        )
        self.x = x
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y by the running mean and variance, and nothing is kept; these are zeros where there are none yet."""
        mean = np.zeros_like(self.gamma) if self.running_mean is None else self.running_mean
        var = np.zeros_like(self.gamma) if self.running_var is None else self.running_var
        return self._predict(x, self.gamma, self.beta, mean, var, eps=self.eps)

    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[True] = True) -> Array: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[False]) -> None: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: bool) -> Array | None: ...
    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> Array | None:
        """dx of x's shape, or None without `need_dx`; sets dgamma and dbeta. RuntimeError before forward."""
        x, mean, var = self.x, self.mean, self.var
        if x is None or mean is None or var is None:
            raise no_forward(self)
        dx, dgamma, dbeta = self._backward(
            dout, x, self.gamma, mean, var, need_dx=need_dx, eps=self.eps, out=self._gradients
        )
        if self._handed_out:
            self._set_gradients(gamma=dgamma, beta=dbeta)
        else:
            self.dgamma, self.dbeta = dgamma, dbeta
        return dx

    @property
    def _sample_size(self) -> int:
        return len(self.gamma)

    def _output_shape(self, shape: Shape) -> Shape:
        """The same; ValueError unless gamma, and all else that there is, has one number for each, or each channel."""
        names = [*self.param_names, *self.buffer_names]
        shapes = {name: np.shape(array) for name in names if (array := getattr(self, name)) is not None}
        if shape is not None and len(shape) not in (1, 3):
            raise ValueError(f"takes samples (D,) or (C, H, W), not of shape {shape}")
        width, gamma = size_of(shape), shapes["gamma"]
        sizes = [] if shape is None or width is None else sorted({width, shape[0] or 0})
        if len({*shapes.values()}) > 1 or len(gamma) != 1 or (sizes and gamma[0] not in sizes):
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            expected = " or ".join(f"({size},)" for size in sizes or ("D",))
            sample = f", for a sample of shape {shape}" if sizes else ""
            raise ValueError(f"has {found}; expected {expected} for each{sample}")
        return shape

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """A multiplication and an addition for each number: the rest is one scale and one shift a channel."""
        return 2 * math.prod(outputs)
