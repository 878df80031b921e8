"""The max pooling layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import Array
from .._core.windows import Pair
from ..functional.max_pooling import max_pooling_backward, max_pooling_forward
from ._base import no_forward
from ._passes import MadeWhenRead
from ._windows import Windows


class Pooling(Windows):
    r"""Max pooling: the largest number of each window over images.

    Parameters
    ----------
    pool_h, pool_w : int
        The window's height and width.
    stride : int or pair of int, default 2
        From one window to the next; one for both axes, or one for the height and one for the width.
    pad : int or pair of int, default 0
        The margin at each side, which counts as minus infinity; less than the window.

    Attributes
    ----------
    pool_h, pool_w, stride, pad
        As given; they may be set anew before a forward.
    x : ndarray or None
        The input of the last forward, ``(N, C, H, W)``: the array itself. In a network that runs as one call there may
        be none between a ReLU behind a convolution and this; then it is made when it is read, of the images that the
        convolution was given.
    arg_max : ndarray of int or None
        For each window of the last forward ``(N * OH * OW * C,)`` the index ``i * pool_w + j`` of its largest number,
        of equal ones of the first; made when it is read.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer, or outside its range.

    See Also
    --------
    fastlayers.max_pooling_forward, fastlayers.max_pooling_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \max x_{ij}` over each window, ``(N, C, OH, OW)`` with
    ``OH = (H + 2 pad - pool_h) // stride + 1``; a nan is larger than all else. Backward:
    :math:`\partial L / \partial x = \sum dout` over the windows whose largest number it was, of most numbers none.
    Saitoh, *Deep Learning from Scratch*, sections 7.3 and 7.4.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Pooling(2, 2)
    >>> layer.forward(np.array([[[[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 4.0, 2.0]]]]))
    array([[[[3., 4.]]]])
    >>> layer.arg_max
    array([2, 2])
    >>> layer.backward(np.array([[[[5.0, 7.0]]]]))
    array([[[[0., 0., 0., 0.],
             [5., 0., 7., 0.]]]])
    """

    _forward: ClassVar[Callable[..., tuple[Array, Array]]] = staticmethod(max_pooling_forward)
    _backward: ClassVar[Callable[..., Array]] = staticmethod(max_pooling_backward)
    _keeps: ClassVar[str | None] = "pooling"
    _memory: Any = ((None, None), None)
    if TYPE_CHECKING:
        x: Array | None
    else:
        x = MadeWhenRead(lambda y: y)
    _indices: Array | None = None  # (N, C, OH, OW)
    _of_forward: tuple[Any, ...] = ()  # the options of the last forward, in their order

    def __init__(self, pool_h: int, pool_w: int, stride: Pair = 2, pad: Pair = 0) -> None:
        super().__init__(pool_h, pool_w, stride, pad)
        self._memory = (recycler(), recycler()), recycler()

    @property
    def arg_max(self) -> Array | None:
        """The index of each window's largest number, ``(N * OH * OW * C,)``; None before forward."""
        found = self._indices
        return None if found is None else found.transpose(0, 2, 3, 1).reshape(-1).astype(np.intp)

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, C, OH, OW)`` of x ``(N, C, H, W)``; x is kept by reference."""
        windows = self.pool_h, self.pool_w, self.stride, self.pad
        y, self._indices = self._forward(
            x, self.pool_h, self.pool_w, stride=self.stride, pad=self.pad, out=self._memory[0]
        )
        self.x, self._of_forward = x if type(x) is np.ndarray else np.asarray(x), windows
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(x, self.pool_h, self.pool_w, stride=self.stride, pad=self.pad)[0]

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of x's shape. RuntimeError before forward."""
        x = self.x  # read once, since reading may make it
        if x is None:
            raise no_forward(self)
        pool_h, pool_w, stride, pad = self._of_forward
        return self._backward(dout, self._indices, x.shape, pool_h, pool_w, stride=stride, pad=pad, out=self._memory[1])
