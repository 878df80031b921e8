"""Negative sampling: the loss of one word against a few others, instead of against all of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.memory import recycler
from .._core.types import Array
from ..functional.embedding import embedding_backward, embedding_forward
from ..functional.sigmoid_cross_entropy import sigmoid_cross_entropy
from ._base import Declared, no_forward
from ._sizes import refuses_sizes
from .embedding import gradient_memory
from .embedding_dot import dots, vectors_of
from .unigram_sampler import UnigramSampler


class NegativeSamplingLoss(Declared):
    r"""The loss of one word against a few that are drawn: instead of a softmax over all words, a yes or no for each.

    Parameters
    ----------
    W : ndarray
        The table ``(V, D)``, a row for each word. The array itself is kept, so that an optimizer can update it in
        place.
    corpus : array_like of int
        The words of a text, each below V, as `UnigramSampler` takes them.
    power : float, default 0.75
        What their counts are raised to.
    sample_size : int, default 5
        How many words are drawn for each target.
    rng : int, numpy.random.Generator or other seed, optional
        As `UnigramSampler` takes it.

    Attributes
    ----------
    W, dW
        The table, and the gradient of the last backward, of its shape.
    sampler : UnigramSampler
        What draws.
    sample_size : int
        Its own; it may be set anew.
    idx : ndarray or None
        Of the last forward, each target and the words that were drawn for it: ``(N, 1 + sample_size)``.
    loss : float or None
        Of the last forward.

    Raises
    ------
    TypeError, ValueError
        As `UnigramSampler`; if W is not 2-d, or has fewer rows than the corpus has words.

    See Also
    --------
    EmbeddingDot, SigmoidWithLoss : what it is made of.

    Notes
    -----
    Forward, with :math:`s_{nk} = h_n \cdot W_{idx_{nk}}`, of which the first is the target's score: :math:`L =
    -\frac{1}{N} \sum_n (\log \sigma(s_{n0}) + \sum_{k > 0} \log \sigma(-s_{nk}))`. Backward:
    :math:`\partial L / \partial s_{nk} = (\sigma(s_{nk}) - [k = 0]) / N`, and from there as `EmbeddingDot`.

    The book adds up as many losses, each of a layer of its own, and its trainer their gradients; here all are one
    product of a batch, and `params` has W once, with the sum. The words that are drawn for a target are distinct and
    never the target itself.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.2.7.

    Examples
    --------
    >>> import numpy as np
    >>> corpus = np.array([0, 1, 2, 3, 4, 1, 2, 3])
    >>> layer = NegativeSamplingLoss(np.zeros((5, 3)), corpus, sample_size=2, rng=0)
    >>> h = np.ones((2, 3))
    >>> round(float(layer.forward(h, np.array([1, 3])) / np.log(2)), 6)  # as many losses of log 2 as there are scores
    3.0
    >>> layer.idx
    array([[1, 2, 4],
           [3, 2, 4]])
    >>> layer.backward().shape
    (2, 3)
    >>> layer.dW[:, 0]
    array([ 0.  , -0.25,  0.5 , -0.25,  0.5 ])
    """

    param_names: ClassVar[tuple[str, ...]] = ("W",)
    _initializer: ClassVar[str] = "embedding(V, D)"
    _samples: ClassVar[type[UnigramSampler]] = UnigramSampler
    _take: ClassVar[Any] = staticmethod(embedding_forward)
    _losses = staticmethod(sigmoid_cross_entropy)
    _add_up = staticmethod(embedding_backward)

    @refuses_sizes
    def __init__(
        self, W: ArrayLike, corpus: ArrayLike, power: float = 0.75, sample_size: int = 5, rng: Any = None
    ) -> None:
        table = np.asanyarray(W)
        if table.ndim != 2:
            raise ValueError(f"W must have shape (V, D), not {table.shape}")
        self.sampler = self._samples(corpus, power, sample_size, rng)
        if self.sampler.vocab_size > len(table):
            raise ValueError(
                f"W of shape {table.shape} has no row for word {self.sampler.vocab_size - 1} of the corpus"
            )
        self.W: Array = table
        self.dW: Array | None = None
        self.idx: Array | None = None
        self.loss: float | None = None
        self._kept: tuple[Array, Array, Array] | None = None  # h, the rows, and the slopes of the sum of losses
        self._memory, self._gradients = recycler(), recycler()

    @property
    def sample_size(self) -> int:
        """How many words are drawn for each target."""
        return self.sampler.sample_size

    @sample_size.setter
    def sample_size(self, value: int) -> None:
        self.sampler.sample_size = value

    @property
    def rng(self) -> Any:
        """Where the sampler's draws come from."""
        return self.sampler.rng

    @rng.setter
    def rng(self, value: Any) -> None:
        self.sampler.rng = value

    def forward(self, h: ArrayLike, target: ArrayLike) -> float:
        """The loss, of h ``(*target.shape, D)``: the mean over the targets; nan of none."""
        h, target = vectors_of(h, "target", target, self.W)
        negative = self.sampler.get_negative_sample(target)
        idx = np.concatenate((target[..., np.newaxis], negative), axis=-1, dtype=np.intp, casting="unsafe")
        rows = self._take(idx, self.W, out=self._memory)
        score = dots("...kd,...d->...k", rows, h)
        is_target = np.zeros_like(score)
        is_target[..., 0] = 1
        losses, slopes = self._losses(score, is_target, reduction="sum")
        self._kept, self.idx = (h, rows, slopes), idx
        self.loss = losses / target.size if target.size else float("nan")
        return self.loss

    def backward(self, dout: ArrayLike = 1) -> Array:
        """dh, of h's shape, times `dout`; sets dW. RuntimeError before forward."""
        if self._kept is None or self.idx is None:
            raise no_forward(self)
        h, rows, slopes = self._kept
        with np.errstate(all="ignore"):
            slopes = slopes * slopes.dtype.type(arguments.number("dout", dout) / max(self.idx[..., 0].size, 1))
            of_rows = slopes[..., np.newaxis] * h[..., np.newaxis, :]
        dh = dots("...k,...kd->...d", slopes, rows)  # before anything is set, since there may be no memory for it
        out = gradient_memory(self, of_rows)
        self._set_gradients(W=self._add_up(of_rows, self.idx, len(self.W), out=out))
        return dh
