"""A training beside the estimator: what it comes to is the estimator's once all has gone well, and nothing before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from sklearn.utils import check_random_state

from ..layers import Dropout
from ._network import copied, take_over

__all__ = ["beside"]

_GROWING = ("loss_curve_", "validation_scores_")  # copied, they would cost more with every call of partial_fit


@contextmanager
def beside(estimator: Any, *, anew: bool) -> Iterator[Any]:
    """A copy of an estimator, to be trained in its place; the estimator takes over what it learns.

    Where an exception ends the training the estimator is as it was, and so is the `RandomState` that it draws from.
    Where training goes on, `network_`, its layers and the lists of losses and scores stay the same objects.

    Parameters
    ----------
    estimator : Perceptron
        None of its arrays is written to; the copy's network and optimizer need arrays of their own.
    anew : bool
        Whether the copy gets a new network, or goes on with a copy of the present one.
    """
    before = dict(vars(estimator))
    built = object.__new__(type(estimator))
    vars(built).update(before)
    if not anew:
        built.network_ = copied(estimator.network_)
    lengths = [(before[name], len(before[name])) for name in _GROWING if before.get(name) is not None]
    # A seed makes a new RandomState at each call; any other is the caller's, or NumPy's own.
    draws = None if isinstance(estimator.random_state, Integral) else check_random_state(estimator.random_state)
    state = None if draws is None else draws.get_state()
    dropped = [] if anew else [layer.rng.bit_generator for layer in built.network_.layers if isinstance(layer, Dropout)]
    states = [bits.state for bits in dropped]
    try:
        yield built
    except BaseException:
        for numbers, length in lengths:
            del numbers[length:]
        if draws is not None:
            draws.set_state(state)
        for bits, kept in zip(dropped, states, strict=True):
            bits.state = kept
        raise
    if not anew:
        take_over(estimator.network_, built.network_)
        built.network_ = estimator.network_
    learned = vars(built)
    for name in before.keys() - learned.keys():
        delattr(estimator, name)
    # Not what is as before: a callback may have set a parameter of the estimator meanwhile.
    vars(estimator).update({name: value for name, value in learned.items() if before.get(name, built) is not value})
