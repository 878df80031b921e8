"""Attention: layers of two inputs, the steps hs of an encoder and what asks for some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.types import Array
from ..functional.attention import (
    attention,
    attention_backward,
    attention_weight,
    attention_weight_backward,
    weighted_sum,
    weighted_sum_backward,
)
from ._base import Declared, no_forward

Backward = Callable[..., tuple[Array, Array]]


class WeightSum(Declared):
    r"""Sum of the steps of each sequence, each with its weight.

    It takes two inputs, as `MulLayer` does, and so it is no layer of a `Sequential`.

    Attributes
    ----------
    hs, a : ndarray or None
        The inputs of the last forward: the arrays themselves.

    See Also
    --------
    AttentionWeight : makes the weights.

    Notes
    -----
    Forward: :math:`c_{ni} = \sum_t a_{nt} hs_{nti}`. Backward, with :math:`dout = \partial L / \partial c`:
    :math:`\partial L / \partial hs_{nti} = a_{nt} dout_{ni}` and
    :math:`\partial L / \partial a_{nt} = \sum_i dout_{ni} hs_{nti}`.
    Saitoh, *Deep Learning from Scratch 2*, section 8.1.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = WeightSum()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[0.75, 0.25]]))
    array([[1.5, 2.5]])
    >>> dhs, da = layer.backward(np.array([[1.0, 10.0]]))
    >>> dhs, da
    (array([[[0.75, 7.5 ],
            [0.25, 2.5 ]]]), array([[21., 43.]]))
    """

    _forward = staticmethod(weighted_sum)
    _backward: ClassVar[Backward] = staticmethod(weighted_sum_backward)

    def __init__(self) -> None:
        self.hs: Array | None = None
        self.a: Array | None = None

    def forward(self, hs: ArrayLike, a: ArrayLike) -> Array:
        """c ``(N, H)`` of hs ``(N, T, H)`` and weights a ``(N, T)``; both are kept by reference."""
        c = self._forward(hs, a)
        self.hs, self.a = np.asarray(hs), np.asarray(a)
        return c

    def backward(self, dout: ArrayLike) -> tuple[Array, Array]:
        """``(dhs, da)`` of dout ``(N, H)``. RuntimeError before forward."""
        if self.hs is None or self.a is None:
            raise no_forward(self)
        return self._backward(dout, self.hs, self.a)


class AttentionWeight(Declared):
    r"""How much attention each step of a sequence gets: softmax of its product with what asks.

    It takes two inputs, as `MulLayer` does, and so it is no layer of a `Sequential`.

    Attributes
    ----------
    hs, h : ndarray or None
        The inputs of the last forward: the arrays themselves.
    out : ndarray or None
        The weights that it gave.

    See Also
    --------
    WeightSum : the sum with these weights.

    Notes
    -----
    Forward: :math:`s_{nt} = \sum_i h_{ni} hs_{nti}` and :math:`a = \text{softmax}(s)` over the steps. Backward, with
    :math:`dout = \partial L / \partial a` and :math:`ds_{nt} = a_{nt} (dout_{nt} - \sum_u dout_{nu} a_{nu})`:
    :math:`\partial L / \partial hs_{nti} = ds_{nt} h_{ni}` and
    :math:`\partial L / \partial h_{ni} = \sum_t ds_{nt} hs_{nti}`.
    Saitoh, *Deep Learning from Scratch 2*, section 8.1.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = AttentionWeight()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[1.0, -1.0]]))
    array([[0.5, 0.5]])
    >>> dhs, dh = layer.backward(np.array([[1.0, 0.0]]))
    >>> dhs, dh
    (array([[[ 0.25, -0.25],
            [-0.25,  0.25]]]), array([[-0.5, -0.5]]))
    """

    _forward = staticmethod(attention_weight)
    _backward: ClassVar[Backward] = staticmethod(attention_weight_backward)

    def __init__(self) -> None:
        self.hs: Array | None = None
        self.h: Array | None = None
        self.out: Array | None = None

    def forward(self, hs: ArrayLike, h: ArrayLike) -> Array:
        """a ``(N, T)`` of hs ``(N, T, H)`` and h ``(N, H)``; all three are kept by reference."""
        self.out = a = self._forward(hs, h)
        self.hs, self.h = np.asarray(hs), np.asarray(h)
        return a

    def backward(self, dout: ArrayLike) -> tuple[Array, Array]:
        """``(dhs, dh)`` of dout ``(N, T)``. RuntimeError before forward."""
        if self.out is None:
            raise no_forward(self)
        return self._backward(dout, self.hs, self.h, self.out)


class _Attention(Declared):
    """What asks once, and what asks at each step of a decoder."""

    _of_steps: ClassVar[bool] = False
    _forward = staticmethod(attention)
    _backward: ClassVar[Backward] = staticmethod(attention_backward)
    _kept: tuple[Array, Array, Array] | None = None  # both inputs and the weights

    def _go_forward(self, hs: ArrayLike, h: ArrayLike) -> Array:
        y, a = self._forward(hs, h, self._of_steps)
        self._kept = np.asarray(hs), np.asarray(h), a
        return y

    @property
    def _weights(self) -> Any:
        """Of the last forward, or None."""
        return None if self._kept is None else self._kept[2]

    def backward(self, dout: ArrayLike) -> tuple[Array, Array]:
        """The gradients of both inputs, for one of the output's shape. RuntimeError before forward."""
        if self._kept is None:
            raise no_forward(self)
        return self._backward(dout, *self._kept)


class Attention(_Attention):
    r"""Attention: the sum of an encoder's steps, each with the weight that h gives it.

    It takes two inputs, as `MulLayer` does, and so it is no layer of a `Sequential`. It has no parameters.

    Attributes
    ----------
    attention_weight : ndarray or None
        How much each step counted in the last forward, ``(N, T)``; each row sums to 1.

    See Also
    --------
    AttentionWeight, WeightSum : its two parts.
    TimeAttention : the same for all steps of a decoder at once.

    Notes
    -----
    Forward: :math:`a_{nt} = e^{s_{nt}} / \sum_u e^{s_{nu}}` with :math:`s_{nt} = \sum_i h_{ni} hs_{nti}`, and
    :math:`y_{ni} = \sum_t a_{nt} hs_{nti}`. Backward, with :math:`dout = \partial L / \partial y`,
    :math:`da_{nt} = \sum_i dout_{ni} hs_{nti}` and :math:`ds_{nt} = a_{nt} (da_{nt} - \sum_u da_{nu} a_{nu})`:
    :math:`\partial L / \partial hs_{nti} = a_{nt} dout_{ni} + ds_{nt} h_{ni}`, since a step is weighed and is asked for
    its weight, and :math:`\partial L / \partial h_{ni} = \sum_t ds_{nt} hs_{nti}`.
    Saitoh, *Deep Learning from Scratch 2*, section 8.1.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Attention()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[1.0, -1.0]]))
    array([[2., 3.]])
    >>> layer.attention_weight
    array([[0.5, 0.5]])
    >>> dhs, dh = layer.backward(np.array([[1.0, 0.0]]))
    >>> dhs, dh
    (array([[[ 0. ,  0.5],
            [ 1. , -0.5]]]), array([[1., 1.]]))
    """

    def forward(self, hs: ArrayLike, h: ArrayLike) -> Array:
        """y ``(N, H)`` of hs ``(N, T, H)`` and h ``(N, H)``; both are kept by reference."""
        return self._go_forward(hs, h)

    @property
    def attention_weight(self) -> Array | None:
        """How much each step counted, ``(N, T)``; None before forward."""
        weights: Array | None = self._weights
        return weights


class TimeAttention(_Attention):
    r"""Attention of each step of a decoder to the steps of an encoder: `Attention` for all of them in one product.

    It takes two inputs, as `MulLayer` does, and so it is no layer of a `Sequential`. It has no parameters.

    Attributes
    ----------
    attention_weights : list of ndarray or None
        For each step of the decoder how much each one of the encoder counted, ``(N, T)`` of the encoder's T: views of
        one array.

    See Also
    --------
    Attention : of one step.

    Notes
    -----
    Forward, for each step d of the decoder: :math:`a_{ndt} = e^{s_{ndt}} / \sum_u e^{s_{ndu}}` with
    :math:`s_{nd} = hs^{enc}_n hs^{dec}_{nd}`, and :math:`y_{nd} = \sum_t a_{ndt} hs^{enc}_{nt}`. Backward, with
    :math:`dout = \partial L / \partial y` and ds as `Attention` has it:
    :math:`\partial L / \partial hs^{enc}_{nt} = \sum_d (a_{ndt} dout_{nd} + ds_{ndt} hs^{dec}_{nd})` and
    :math:`\partial L / \partial hs^{dec}_{nd} = \sum_t ds_{ndt} hs^{enc}_{nt}`.
    Saitoh, *Deep Learning from Scratch 2*, section 8.1.5.

    Examples
    --------
    >>> import numpy as np
    >>> layer, hs_enc = TimeAttention(), np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> layer.forward(hs_enc, np.array([[[1.0, -1.0], [0.0, 0.0], [1.0, 9.0]]])).round(3)
    array([[[2., 3.],
            [2., 3.],
            [3., 4.]]])
    >>> [weights.round(3) for weights in layer.attention_weights]
    [array([[0.5, 0.5]]), array([[0.5, 0.5]]), array([[0., 1.]])]
    >>> dhs_enc, dhs_dec = layer.backward(np.ones((1, 3, 2)))
    >>> dhs_dec.shape
    (1, 3, 2)
    """

    _of_steps: ClassVar[bool] = True

    def forward(self, hs_enc: ArrayLike, hs_dec: ArrayLike) -> Array:
        """y ``(N, S, H)`` of hs_enc ``(N, T, H)`` and hs_dec ``(N, S, H)``; both are kept by reference."""
        return self._go_forward(hs_enc, hs_dec)

    @property
    def attention_weights(self) -> list[Array] | None:
        """For each step of the decoder the weights ``(N, T)`` of the encoder's; None before forward."""
        weights = self._weights
        return None if weights is None else [*weights.swapaxes(0, 1)]
