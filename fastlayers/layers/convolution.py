"""The convolution layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.options import Option, at_least, pair
from .._core.types import Array
from .._core.windows import Pair, placed
from ..functional.convolution import convolution_backward, convolution_forward
from ..functional.im2col import im2col
from ._base import LayerBase, no_forward
from ._sizes import refuses_sizes
from ._windows import images


class Convolution(LayerBase):
    r"""Convolution layer: what each filter gives at each place of the images, and its bias.

    Parameters
    ----------
    W : ndarray
        Filters ``(FN, C / groups, FH, FW)``. The array itself is kept, so that an optimizer can update it in place.
    b : ndarray or float, optional
        Bias ``(FN,)``, kept likewise; a number becomes an array of it for each filter, in W's dtype, which is what is
        trained.
    stride : int or pair of int, default 1
        How far a filter moves; one for both axes, or one for the height and one for the width.
    pad : int or pair of int, default 0
        How many zeros stand at each side of an image.
    dilation : int or pair of int, default 1
        How far the numbers of an image are apart that neighbours in a filter see.
    groups : int, default 1
        Into how many parts channels and filters are divided, each filter seeing the channels of its own part.

    Attributes
    ----------
    W, b, stride, pad, dilation, groups
        As given; they may be set anew before a forward.
    x : ndarray or None
        The input of the last forward, ``(N, C, H, W)``: the array itself.
    dW, db : ndarray or None
        Gradients of the last backward, of W's and b's shape; db is None without a bias.
    col : ndarray or None
        The patches of x, ``(N * OH * OW, C * FH * FW)``, as `fastlayers.im2col` has them; made when it is read.
    col_W : ndarray
        The filters as the columns of a matrix, ``(C * FH * FW, FN)``; made when it is read.

    Raises
    ------
    TypeError, ValueError
        If W is not 4-d, or an option is no integer or outside its range.

    See Also
    --------
    fastlayers.convolution_forward, fastlayers.convolution_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = col\,W^T + b` with the patches of x as the rows of col, of which compiled no array is made.
    Backward: :math:`\partial L / \partial W = dout^T col`, :math:`\partial L / \partial col = dout\,W`, which
    `fastlayers.col2im` turns into dx, and db sums dout over images and places.
    Saitoh, *Deep Learning from Scratch*, section 7.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Convolution(np.array([[[[1.0, 0.0], [0.0, 1.0]]]]), np.array([10.0]))
    >>> layer.forward(np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]))
    array([[[[16., 18.]]]])
    >>> layer.backward(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 2., 0.],
             [0., 1., 2.]]]])
    >>> layer.dW, layer.db
    (array([[[[ 5.,  8.],
             [14., 17.]]]]), array([3.]))
    >>> layer
    Convolution(W=float64[1,1,2,2], b=float64[1])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W", "b")
    _initializer: ClassVar[str] = "convolution(C, FN, F)"
    options: ClassVar[Mapping[str, Option]] = {
        "stride": pair(1),
        "pad": pair(0),
        "dilation": pair(1),
        "groups": at_least(1),
    }
    _keeps: ClassVar[str | None] = "convolution"
    _can_leave_out_dx: ClassVar[bool] = True
    _forward = staticmethod(convolution_forward)
    _backward: ClassVar[Callable[..., tuple[Array | None, Array, Array]]] = staticmethod(convolution_backward)
    _im2col = staticmethod(im2col)
    _memory: Any = None  # of y
    _gradients: Any = None  # of dx, dW, db
    _of_forward: tuple[Any, ...] = ()  # the options of the last forward, in their order
    stride: Pair = 1
    pad: Pair = 0
    dilation: Pair = 1
    groups: int = 1

    @refuses_sizes
    def __init__(
        self,
        W: ArrayLike,
        b: ArrayLike | None = None,
        stride: Pair = 1,
        pad: Pair = 0,
        *,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> None:
        weights = np.asanyarray(W)
        if weights.ndim != 4:
            raise ValueError(f"W must have shape (FN, C, FH, FW), not {weights.shape}")
        given = {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups}
        for name, value in given.items():
            self.options[name].written(name, value)
        self.W: Array = weights
        self.b: Array | None = None if b is None else self._bias(b)
        self._set_options(**given)
        self.x: Array | None = None
        self.dW: Array | None = None
        self.db: Array | None = None
        self._memory = recycler()
        self._gradients = recycler(), recycler(), recycler()

    @property
    def col(self) -> Array | None:
        """The patches of the last forward's x, a row for each place; None before forward."""
        if self.x is None:
            return None
        filter_h, filter_w = self.W.shape[2:]
        stride, pad, dilation, _ = self._of_forward
        return self._im2col(self.x, filter_h, filter_w, stride=stride, pad=pad, dilation=dilation)

    @property
    def col_W(self) -> Array:
        """The filters as the columns of a matrix."""
        return self.W.reshape(len(self.W), -1).T

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, FN, OH, OW)`` of x ``(N, C, H, W)``; x is kept by reference."""
        if type(x) is not np.ndarray:
            x = np.asanyarray(x)
        if self.b is not None and np.ndim(self.b) == 0:
            self.b = self._bias(self.b)
        stride, pad, dilation, groups = options = self.stride, self.pad, self.dilation, self.groups
        y = self._forward(x, self.W, self.b, stride=stride, pad=pad, dilation=dilation, groups=groups, out=self._memory)
        self.x, self._of_forward = x, options
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(
            x, self.W, self.b, stride=self.stride, pad=self.pad, dilation=self.dilation, groups=self.groups
        )

    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[True] = True) -> Array: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: Literal[False]) -> None: ...
    @overload
    def backward(self, dout: ArrayLike, *, need_dx: bool) -> Array | None: ...
    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> Array | None:
        """dx of x's shape, or None without `need_dx`; sets dW and db. RuntimeError before forward."""
        if self.x is None:
            raise no_forward(self)
        stride, pad, dilation, groups = self._of_forward
        dx, dW, db = self._backward(
            dout,
            self.x,
            self.W,
            stride=stride,
            pad=pad,
            dilation=dilation,
            groups=groups,
            need_dx=need_dx,
            out=self._gradients,
        )
        if self._handed_out:
            self._set_gradients(W=dW, b=None if self.b is None else db)
        else:
            self.dW, self.db = dW, None if self.b is None else db
        return dx

    def _bias(self, b: ArrayLike) -> Array:
        """A bias as it was given; of a number an array of it for each filter, in W's dtype."""
        bias = np.asanyarray(b)
        if bias.ndim:
            return bias
        dtype = self.W.dtype if bias.dtype.kind in "biuf" and self.W.dtype.kind == "f" else bias.dtype
        return np.full(len(self.W), bias, dtype)

    def _output_shape(self, shape: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
        """``(FN, OH, OW)``; ValueError unless W and b fit each other, and images ``(C, H, W)``."""
        filters, channels, *window = self.W.shape
        given, height, width = images(shape)
        sample = "" if shape is None else f" for a sample of shape {shape}"
        expected = f"expected W (FN, C / {self.groups}, FH, FW) and b (FN,)" + sample
        if (
            filters % self.groups
            or given not in (None, channels * self.groups)
            or any(param.shape != (filters,) for _, param in self._named_params()[1:])
        ):
            raise ValueError(
                f"has parameters of shapes {[param.shape for _, param in self._named_params()]}; {expected}"
            )
        if height is None or width is None:
            return filters, None, None
        batch = 1, channels * self.groups, height, width
        try:
            _, found = placed("a sample", batch, (window[0], window[1]), self.stride, self.pad, self.dilation)
        except ValueError as error:
            raise ValueError(f"has W of shape {self.W.shape}: {error}") from None
        return filters, *found

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """A multiplication and an addition for each weight at each place; the first is added to the bias, if any."""
        each = outputs[1] * outputs[2]
        return each * (2 * self.W.size - (0 if self.b is not None else len(self.W)))
