"""The dropout layer, and the one of sequences, which has its mode as an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.options import FRACTION, Option
from .._core.types import Array
from ..functional.dropout import dropout_backward, dropout_forward
from ._activation import KeepsMaskAndOption


class Dropout(KeepsMaskAndOption):
    r"""Dropout: in training each value becomes 0 with probability p, and else is scaled by ``1 / (1 - p)``.

    Parameters
    ----------
    dropout_ratio : float, default 0.5
        The probability p, in [0, 1]; it may be set anew before a forward.
    rng : int, numpy.random.Generator or other seed, optional
        What `numpy.random.default_rng` takes: the same seed drops the same values, on both backends. By default
        each layer drops others in each process.
    p : float, optional
        Another name of `dropout_ratio`, as argument and attribute.

    Attributes
    ----------
    dropout_ratio, p : float
    rng : numpy.random.Generator
        Where the draws come from, one float32 for each value.
    mask : ndarray of bool or None
        Of the last forward, True where a value was kept.

    See Also
    --------
    fastlayers.dropout_forward, fastlayers.dropout_backward : the functions behind it.

    Notes
    -----
    Forward, with the mask m of what is kept: :math:`y = m x / (1 - p)`. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = m \, dout / (1 - p)`.

    In prediction x comes back as it is, by ``predict`` or ``forward(x, train_flg=False)``. The book's layer, whose mask
    is the same, does not scale in training, and multiplies by ``1 - p`` in prediction instead.
    Saitoh, *Deep Learning from Scratch*, section 6.4.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5, rng=0)
    >>> layer.forward(np.ones(4))
    array([2., 2., 2., 0.])
    >>> layer.predict(np.ones(4))
    array([1., 1., 1., 1.])
    >>> layer.backward(np.ones(4))
    array([2., 2., 2., 0.])
    >>> Dropout(0.2)
    Dropout(dropout_ratio=0.2)
    """

    # What it drops is drawn anew: its rng stays behind, and a layer that is read from a file gets a fresh one.
    options: ClassVar[Mapping[str, Option]] = {"dropout_ratio": FRACTION}
    _aliases: ClassVar[Mapping[str, str]] = {"p": "dropout_ratio"}

    _keeps = None  # its forward draws first
    _forward, _backward = staticmethod(dropout_forward), staticmethod(dropout_backward)

    dropout_ratio: float = 0.5

    def __init__(self, dropout_ratio: float = 0.5, rng: Any = None, *, p: float | None = None) -> None:
        super().__init__()
        self.dropout_ratio = arguments.probability(*(("dropout_ratio", dropout_ratio) if p is None else ("p", p)))
        self.rng = np.random.default_rng(rng)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A pickle of an earlier version has the ratio by its other name."""
        vars(self).update({self._aliases.get(name, name): value for name, value in state.items()})

    @property
    def p(self) -> float:
        """Another name of `dropout_ratio`."""
        return self.dropout_ratio

    @p.setter
    def p(self, value: float) -> None:
        self.dropout_ratio = value

    def forward(self, x: ArrayLike, train_flg: bool = True) -> Array:
        """y, of x's shape; without `train_flg` x itself, and backward goes through the last pass with it."""
        if not train_flg:
            return self.predict(x)
        draws = self.rng.random(np.shape(x), dtype=np.float32)
        y, self.mask = self._forward(x, draws, self.dropout_ratio, out=self._memory[0])
        return y

    def predict(self, x: ArrayLike) -> Array:
        """X itself, as an array: for prediction nothing is dropped."""
        return x if type(x) is np.ndarray else arguments.real("x", x)

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """None: it predicts what it is given."""
        return 0


class TimeDropout(Dropout):
    r"""`Dropout` that goes by its attribute `train_flg`, as volume 2's layer for sequences does.

    Parameters
    ----------
    dropout_ratio : float, default 0.5
        The probability p, in [0, 1]; it may be set anew before a forward.
    rng : int, numpy.random.Generator or other seed, optional
        As for `Dropout`.
    p : float, optional
        Another name of `dropout_ratio`, as argument and attribute.

    Attributes
    ----------
    train_flg : bool, default True
        Whether forward drops; where it does not, it gives x itself, and backward dout.
    dropout_ratio, p, rng
        As given.
    mask : ndarray of bool or None
        Of the last forward that dropped, True where a value was kept.

    See Also
    --------
    fastlayers.dropout_forward, fastlayers.dropout_backward : the functions behind it.

    Notes
    -----
    Forward, with the mask m of what is kept: :math:`y = m x / (1 - p)`, as in the book. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = m \, dout / (1 - p)`.

    Each step of a sequence drops values of its own. In a network ``predict`` drops nothing, whatever `train_flg` says;
    training drops while it is True. Saitoh, *Deep Learning from Scratch 2*, section 6.5.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeDropout(0.5, rng=0)
    >>> layer.forward(np.ones((2, 2, 1))).ravel()
    array([2., 2., 2., 0.])
    >>> layer.backward(np.ones((2, 2, 1))).ravel()
    array([2., 2., 2., 0.])
    >>> layer.train_flg = False
    >>> layer.forward(np.ones((2, 2, 1))).ravel()
    array([1., 1., 1., 1.])
    """

    train_flg: bool = True
    _dropped: bool = True  # the last forward

    def forward(self, x: ArrayLike, train_flg: bool = True) -> Array:
        """y, of x's shape; x itself where the attribute `train_flg` is False, or the argument."""
        drops = bool(train_flg and self.train_flg)
        y = super().forward(x, drops)
        self._dropped = drops
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape; dout itself where the last forward dropped nothing. RuntimeError before forward."""
        return super().backward(dout) if self._dropped else arguments.real("dout", dout)
