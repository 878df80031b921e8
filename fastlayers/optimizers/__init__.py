"""Optimizers: each updates the parameters in place from their gradients, on the backend in use.

``update(params, grads)`` takes lists, aligned by position, or dictionaries with the same keys, as the book has them.

State, such as Momentum's velocity, belongs to the parameter array, not to its position: a new parameter starts from
zero, with the first step of Adam's bias correction, and one that an update leaves out, as that of a frozen layer, keeps
its state until it returns. For a network that shares no array with the one before, ``t`` and a schedule start at 0.
Copy or pickle an optimizer together with its network. One that is copied alone takes the parameters of its next update
for those that it had, by position or key.

All have three things in common. ``lr`` is a number, or a schedule: a callable that is given the number of updates
so far, ``t``, and gives the rate of the next (`fastlayers.schedules` has some). ``weight_decay`` times the parameter
is added to the gradient of weights, which are the arrays of two axes or more; biases do not decay (Saitoh, section
6.4.2, and scikit-learn). ``clip_norm`` scales all gradients down together where their Euclidean norm, as of one
vector, is larger, before any decay, as PyTorch's ``clip_grad_norm_`` does: by ``clip_norm / (norm + 1e-6)``. So
where a gradient has nan, all gradients count as nan; and where one has infinity, they count as 0 but for the infinite
ones themselves, which count as nan. The norm is taken in float64, and the gradients are never written to.

An array that is given several times, or with its transpose ``W.T``, as where layers share weights, has one step by the
sum of its gradients, whose norm counts once. Arrays that share memory otherwise, as a part of an array with the whole,
are a ValueError, and so is one gradient array for two parameters.

>>> import numpy as np
>>> W, b = np.ones((1, 2)), np.ones(2)
>>> optimizer = SGD(lr=0.1, weight_decay=0.5, clip_norm=1.0)
>>> optimizer.update([W, b], [np.array([[3.0, 0.0]]), np.array([4.0, 0.0])])  # of norm 5, so a fifth of it counts
>>> W.round(3), b.round(3)
(array([[0.89, 0.95]]), array([0.92, 1.  ]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.names import asked_for_missing
from ._base import Optimizer as Optimizer  # what they share
from .adagrad import AdaGrad, RMSprop
from .adam import Adam, AdamW
from .clipping import clip_grads as clip_grads  # what a trainer calls before them
from .momentum import Momentum, Nesterov
from .sgd import SGD

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"]

if not TYPE_CHECKING:
    __getattr__ = asked_for_missing(__name__)
