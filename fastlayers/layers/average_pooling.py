"""The average pooling layers: by windows, and of whole images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.memory import recycler
from .._core.options import SWITCH, Option
from .._core.types import Array, Shape
from .._core.windows import Pair
from ..functional.average_pooling import average_pooling_backward, average_pooling_forward
from ._base import LayerBase, no_forward
from ._windows import Windows, images


class AveragePooling(Windows):
    r"""Average pooling: the mean of each window over images.

    Parameters
    ----------
    pool_h, pool_w : int
        The window's height and width.
    stride : int or pair of int, default 2
        From one window to the next; one for both axes, or one for the height and one for the width.
    pad : int or pair of int, default 0
        The margin of zeros at each side; less than the window.
    count_include_pad : bool, default True
        Whether a sum is divided by all numbers of its window, those of the margin too; or by those of the image alone.

    Attributes
    ----------
    pool_h, pool_w, stride, pad, count_include_pad
        As given; they may be set anew before a forward.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer, or outside its range.

    See Also
    --------
    fastlayers.average_pooling_forward, fastlayers.average_pooling_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \sum x_{ij} / n` over the n numbers of each window. Backward:
    :math:`\partial L / \partial x = \sum dout / n` over the windows that it is in.
    LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> layer = AveragePooling(2, 2)
    >>> layer.forward(np.array([[[[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 4.0, 2.0]]]]))
    array([[[[1.5 , 1.75]]]])
    >>> layer.backward(np.array([[[[4.0, 8.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    options: ClassVar[Mapping[str, Option]] = {**Windows.options, "count_include_pad": SWITCH}
    _forward: ClassVar[Callable[..., Array]] = staticmethod(average_pooling_forward)
    _backward: ClassVar[Callable[..., Array]] = staticmethod(average_pooling_backward)
    count_include_pad: bool = True
    _seen: tuple[Any, ...] = ()  # the last forward's windows, behind the shape of its input

    def __init__(
        self, pool_h: int, pool_w: int, stride: Pair = 2, pad: Pair = 0, *, count_include_pad: bool = True
    ) -> None:
        super().__init__(pool_h, pool_w, stride, pad)
        self._set_options(count_include_pad=arguments.switch("count_include_pad", count_include_pad))
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, C, OH, OW)`` of x ``(N, C, H, W)``."""
        seen = np.shape(x), self.pool_h, self.pool_w, self.stride, self.pad, self.count_include_pad
        y = self._pooled(x, self._memory[0])
        self._seen = seen
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._pooled(x, None)

    def _pooled(self, x: ArrayLike, out: Any) -> Array:
        return self._forward(
            x,
            self.pool_h,
            self.pool_w,
            stride=self.stride,
            pad=self.pad,
            count_include_pad=self.count_include_pad,
            out=out,
        )

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of x's shape. RuntimeError before forward."""
        if not self._seen:
            raise no_forward(self)
        shape, pool_h, pool_w, stride, pad, counts = self._seen
        return self._backward(
            dout, shape, pool_h, pool_w, stride=stride, pad=pad, count_include_pad=counts, out=self._memory[1]
        )


class GlobalAveragePooling(LayerBase):
    r"""Global average pooling: the mean of each channel over its image, ``(N, C, H, W)`` to ``(N, C)``.

    The affine layer after it needs no more weights than there are channels, whatever the images' size.

    See Also
    --------
    fastlayers.average_pooling_forward, fastlayers.average_pooling_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \sum x_{ij} / n` over the n numbers of an image's channel. Backward:
    :math:`\partial L / \partial x = dout / n` for each of them. Lin et al., "Network in network", ICLR 2014.

    Examples
    --------
    >>> import numpy as np
    >>> layer = GlobalAveragePooling()
    >>> layer.forward(np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 2.0]]]]))
    array([[3. , 0.5]])
    >>> layer.backward(np.array([[4.0, 8.0]]))
    array([[[[1., 1.],
             [1., 1.]],
    <BLANKLINE>
            [[2., 2.],
             [2., 2.]]]])
    """

    _forward: ClassVar[Callable[..., Array]] = staticmethod(average_pooling_forward)
    _backward: ClassVar[Callable[..., Array]] = staticmethod(average_pooling_backward)
    _memory: Any = (None, None)
    _x_shape: tuple[int, ...] = ()  # of the last forward

    def __init__(self) -> None:
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, C)`` of x ``(N, C, H, W)``."""
        y, self._x_shape = self._pooled(x, self._memory[0]), np.shape(x)
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._pooled(x, None)

    def _pooled(self, x: ArrayLike, out: Any) -> Array:
        shape = np.shape(x)
        high, wide = shape[2:] if len(shape) == 4 and 0 not in shape[2:] else (1, 1)  # what is refused
        return self._forward(x, high, wide, stride=1, out=out)[:, :, 0, 0].copy()  # an array of its own, and no view

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of x's shape, of dout ``(N, C)``. RuntimeError before forward."""
        if not self._x_shape:
            raise no_forward(self)
        dout = arguments.real("dout", dout)
        if dout.shape != self._x_shape[:2]:
            raise ValueError(f"dout of shape {dout.shape} does not fit y of shape {self._x_shape[:2]}")
        return self._backward(
            dout.reshape(*dout.shape, 1, 1), self._x_shape, *self._x_shape[2:], stride=1, out=self._memory[1]
        )

    def _output_shape(self, shape: Shape) -> Shape:
        """``(C,)`` of images ``(C, H, W)``."""
        return images(shape)[:1]

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """One for each number of the images."""
        return math.prod(inputs)
