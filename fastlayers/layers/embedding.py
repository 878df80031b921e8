"""The embedding layer, and by its name the one of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import Array, Shape
from ..functional.embedding import embedding_backward, embedding_forward
from ._base import LayerBase, fits, no_forward
from ._sizes import refuses_sizes


def gradient_memory(layer: Any, dout: ArrayLike) -> Any:
    """Where the gradient of a layer's table goes: what was handed out, since to copy it would take as long again."""
    kept = layer._handed_out.get("W")
    fitting = kept is not None and fits(kept, layer.W) and kept.dtype == getattr(dout, "dtype", None)
    return kept if fitting else layer._gradients


class Embedding(LayerBase):
    r"""Embedding layer: for each index its row of a table.

    Parameters
    ----------
    W : ndarray
        The table ``(V, D)``, a row for each of V words. The array itself is kept, so that an optimizer can update it in
        place.

    Attributes
    ----------
    W
        As given.
    idx : ndarray or None
        The indices of the last forward: the array itself.
    dW : ndarray or None
        The gradient of the last backward, of W's shape.

    Raises
    ------
    ValueError
        If W is not 2-d.

    See Also
    --------
    fastlayers.embedding_forward, fastlayers.embedding_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y_n = W_{idx_n}`, which is a product of one-hot rows and W without the product. Backward:
    :math:`\partial L / \partial W_v` is the sum of all :math:`dout_n` with :math:`idx_n = v`; the indices have no
    gradient. A network whose first layer this is takes integers, which are not cast to the dtype of its parameters.
    Its `Sequential.train_step` and `Sequential.fit` with `SGD`, clipping or not, visit only the rows of the indices.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Embedding(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> layer.forward(np.array([2, 0, 2]))
    array([[5., 6.],
           [1., 2.],
           [5., 6.]])
    >>> layer.backward(np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]]))
    >>> layer.dW
    array([[ 3.,  4.],
           [ 0.,  0.],
           [11., 22.]])
    >>> layer
    Embedding(W=float64[3,2])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W",)
    _initializer: ClassVar[str] = "embedding(V, D)"
    takes_indices: ClassVar[bool] = True
    _indices_of_rows: ClassVar[str | None] = "idx"
    _can_leave_out_dx: ClassVar[bool] = True
    _forward = staticmethod(embedding_forward)
    _backward: ClassVar[Callable[..., Array]] = staticmethod(embedding_backward)
    _memory: Any = None  # of y
    _gradients: Any = None  # of dW

    @refuses_sizes
    def __init__(self, W: ArrayLike) -> None:
        table = np.asanyarray(W)
        if table.ndim != 2:
            raise ValueError(f"W must have shape (V, D), not {table.shape}")
        self.W: Array = table
        self.idx: Array | None = None
        self.dW: Array | None = None
        self._memory, self._gradients = recycler(), recycler()

    def forward(self, idx: ArrayLike) -> Array:
        """y ``(*idx.shape, D)``, the row of each index; idx is kept by reference."""
        if type(idx) is not np.ndarray:
            idx = np.asanyarray(idx)
        y = self._forward(idx, self.W, out=self._memory)
        self.idx = idx
        return y

    def predict(self, idx: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(idx, self.W)

    def backward(self, dout: ArrayLike, *, need_dx: bool = True) -> None:  # type: ignore[override]  # it has no dx
        """Set dW, and return None whatever `need_dx` is, since indices have no gradient.

        Raises
        ------
        RuntimeError
            Before forward.
        ValueError
            If dout has not the output's shape.
        """
        if self.idx is None:
            raise no_forward(self)
        expected = (*self.idx.shape, self.W.shape[1])
        if np.shape(dout) != expected:
            raise ValueError(f"dout of shape {np.shape(dout)} does not fit the output of shape {expected}")
        self._set_gradients(W=self._backward(dout, self.idx, len(self.W), out=gradient_memory(self, dout)))

    def _output_shape(self, shape: Shape) -> Shape:
        """``(*shape, D)``; ValueError unless W is ``(V, D)``."""
        if self.W.ndim != 2:
            raise ValueError(f"has W of shape {self.W.shape}; expected (V, D)")
        return None if shape is None else (*shape, self.W.shape[1])

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """None: it moves numbers."""
        return 0


class TimeEmbedding(Embedding):
    r"""`Embedding` of a word for each step of each sequence: indices ``(N, T)`` give rows ``(N, T, D)``.

    `Embedding` takes indices of any shape, and so does this: it is here by the name that the book has for it.

    Parameters
    ----------
    W : ndarray
        The table ``(V, D)``, as for `Embedding`.

    Attributes
    ----------
    W, idx, dW
        As `Embedding` has them.

    Raises
    ------
    ValueError
        If W is not 2-d.

    See Also
    --------
    fastlayers.embedding_forward, fastlayers.embedding_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y_{nt} = W_{idx_{nt}}`. Backward: :math:`\partial L / \partial W_v` is the sum of all
    :math:`dout_{nt}` with :math:`idx_{nt} = v`, over all steps at once.
    Saitoh, *Deep Learning from Scratch 2*, section 5.4.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeEmbedding(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> layer.forward(np.array([[2, 0]]))
    array([[[5., 6.],
            [1., 2.]]])
    >>> layer.backward(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    >>> layer.dW
    array([[3., 4.],
           [0., 0.],
           [1., 2.]])
    >>> layer
    TimeEmbedding(W=float64[3,2])
    """
