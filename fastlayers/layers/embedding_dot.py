"""Products of vectors with rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array
from ._base import Declared, has_lists, no_forward
from ._sizes import refuses_sizes
from .embedding import Embedding


class EmbeddingDot(Declared):
    r"""For each row of h its product with the row of a table that an index names.

    Parameters
    ----------
    W : ndarray
        The table ``(V, D)``. The array itself is kept, so that an optimizer can update it in place.

    Attributes
    ----------
    embed : Embedding
        The layer that takes the rows, and has the parameter and its gradient.
    W, dW
        Its table and gradient.
    cache : tuple of (ndarray, ndarray) or None
        h and the rows of the last forward.

    See Also
    --------
    NegativeSamplingLoss : all products of a batch at once, and their loss.

    Notes
    -----
    Forward: :math:`y_n = h_n \cdot W_{idx_n}`. Backward: :math:`\partial L / \partial h_n = dout_n W_{idx_n}`, and to
    :math:`\partial L / \partial W_v` each n with :math:`idx_n = v` adds :math:`dout_n h_n`.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.2.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = EmbeddingDot(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> layer.forward(np.array([[1.0, 1.0], [10.0, 0.0]]), np.array([2, 0]))
    array([11., 10.])
    >>> layer.backward(np.array([1.0, 2.0]))
    array([[5., 6.],
           [2., 4.]])
    >>> layer.dW
    array([[20.,  0.],
           [ 0.,  0.],
           [ 1.,  1.]])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W",)
    _initializer: ClassVar[str] = "embedding(V, D)"
    _kind: ClassVar[type[Embedding]] = Embedding

    @refuses_sizes
    def __init__(self, W: ArrayLike) -> None:
        self.embed = self._kind(W)
        self.cache: tuple[Array, Array] | None = None

    @property
    def W(self) -> Array:
        """The table."""
        return self.embed.W

    @property
    def dW(self) -> Array | None:
        """The gradient of the last backward."""
        return self.embed.dW

    @property
    def _handed_out(self) -> Mapping[str, Array]:
        return self.embed._handed_out

    @_handed_out.setter
    def _handed_out(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, arrays: Mapping[str, Array]
    ) -> None:
        self.embed._handed_out = arrays

    @property
    def grads(self) -> list[Array]:
        """The gradient of the table: from now on every backward writes into this array."""
        if self.frozen or has_lists(self):
            return super().grads
        return self.embed.grads

    @grads.setter
    def grads(self, value: list[Array]) -> None:
        self._assign("grads", value)

    def forward(self, h: ArrayLike, idx: ArrayLike) -> Array:
        """Products of idx's shape, with h ``(*idx.shape, D)``."""
        h, idx = vectors_of(h, "idx", idx, self.W)
        rows = self.embed.predict(idx)
        y = dots("...d,...d->...", h, rows)
        self.embed.idx, self.cache = idx, (h, rows)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dh, of h's shape; sets dW. RuntimeError before forward."""
        if self.cache is None:
            raise no_forward(self)
        h, rows = self.cache
        dout = arguments.floating("dout", dout)
        if dout.shape != h.shape[:-1]:
            raise ValueError(f"dout of shape {dout.shape} does not fit the output of shape {h.shape[:-1]}")
        with np.errstate(all="ignore"):
            dh: Array = dout[..., np.newaxis] * rows  # before anything is set, since there may be no memory for it
            self.embed.backward(dout[..., np.newaxis] * h)
        return dh


def vectors_of(h: ArrayLike, name: str, idx: ArrayLike, W: Array) -> tuple[Array, Array]:
    """A vector for each index, as an array, and the indices; ValueError where they do not fit each other."""
    vectors, index = arguments.floating("h", h), arguments.integers(name, idx)
    expected = (*index.shape, W.shape[1])
    if vectors.shape != expected:
        raise ValueError(
            f"h of shape {vectors.shape} does not fit {name} of shape {index.shape} and W of shape {W.shape}: "
            f"it must have shape {expected}"
        )
    return vectors, index


def dots(over: str, a: Array, b: Array) -> Array:
    """Sums of products, as `numpy.einsum` writes them, in the dtype of both."""
    with np.errstate(all="ignore"):
        return np.asarray(np.einsum(over, a, b))
