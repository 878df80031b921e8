"""The descriptions that both estimators have, for the places that their docstrings leave for them."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from ._network import ACTIVATIONS

T = TypeVar("T", bound=type[Any])

__all__ = ["documented"]

PARAMETERS = """
hidden_layer_sizes : int or sequence of int, default (100,)
    The width of each hidden layer; ``()`` for none.
activation : str or list of str, default "relu"
    <activations>, after every hidden layer; or one for each.
solver : {"adam", "sgd", "lbfgs"}, default "adam"
    `Adam`; `Momentum`, or without momentum `SGD`; or SciPy's L-BFGS-B on all samples at once.
alpha : float, default 0.0001
    The penalty on the weights' squares, as scikit-learn has it: half of it, over the number (or weight) of a
    batch's samples, times the sum of the squares is added to the loss.
batch_size : int or "auto", default "auto"
    Samples of a batch; "auto" is 200, or all if there are fewer.
learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
    For "sgd": constant; or after each epoch ``learning_rate_init / (t_ + 1) ** power_t``; or constant until nothing
    improves, and then a fifth, down to 1e-6.
learning_rate_init : float, default 0.001
    The first learning rate.
power_t : float, default 0.5
    The exponent of "invscaling".
max_iter : int, default 200
    Epochs at most, or iterations of "lbfgs".
shuffle : bool, default True
    Whether each epoch takes the samples in an order of its own.
random_state : int, RandomState or None, default None
    What the first weights, the order of the samples, those held out and dropout are drawn from. What it draws is
    what scikit-learn's estimators draw.
tol : float, default 1e-4
    By how much the loss, or with early stopping the score, is to improve; for "lbfgs" a gradient that is small enough.
verbose : bool, default False
    Whether to print the loss of each epoch.
warm_start : bool, default False
    Whether `fit` goes on from where the last training ended. Early stopping begins anew: the best score and weights
    are those of this call, whose data may be others.
momentum : float, default 0.9
    What remains of the velocity of "sgd", from 0 to 1.
nesterovs_momentum : bool, default True
    Whether it is Nesterov's.
early_stopping : bool, default False
    Whether to score after each epoch on samples that are held out or given, to stop when `n_iter_no_change` of them
    have not improved the score by `tol`, and to take back the best weights. Not for "lbfgs".
validation_fraction : float, default 0.1
    How many of the samples are held out.
beta_1, beta_2 : float, default 0.9 and 0.999
    Decay of the two means of "adam".
epsilon : float, default 1e-8
    Keeps its division finite.
n_iter_no_change : int or inf, default 10
    Epochs without an improvement after which training ends.
max_fun : int, default 15000
    Evaluations of the loss at most, of "lbfgs".
dropout : float or sequence of float, default 0.0
    Which part of a hidden layer's activations is dropped in training, in all layers or in each. Not for "lbfgs".
"""

CALLBACKS = """
callbacks : list, default ()
    As for `Sequential.fit`: called after each epoch. Not for "lbfgs", and not by ``partial_fit``. The network that is
    trained is ``training.network``: until `fit` returns, the estimator is as it was.
"""

ATTRIBUTES = """
network_ : Sequential
    The trained network. ``network_.save(path)`` writes it into a file that `Sequential.load` reads, ``to_onnx(path)``
    into an ONNX file, and ``to_c(path)`` into a C file. ``network_.predict(X)`` returns the scores of the last layer
    ``(N, n_outputs_)``, before `out_activation_`; a classifier's network is exported with its probabilities by
    ``probabilities=True``. It can also train further, except with ``loss="poisson"``, where it has no loss layer. The
    network holds no samples, no scaler of a pipeline, and no names of classes. Its loss layer has neither the penalty
    nor scikit-learn's factors.
coefs_, intercepts_ : list of ndarray
    The network's own arrays, until it is trained further: ``(inputs, outputs)`` weights and ``(outputs,)`` biases of
    each layer.
loss_ : float
    The loss of the last epoch.
loss_curve_ : list of float
    The loss of each epoch, over all calls with ``warm_start`` and of ``partial_fit``; not of "lbfgs".
best_loss_ : float or None
    The least of them; None with early stopping.
validation_scores_ : list of float or None
    The score after each epoch: accuracy, or the coefficient of determination; None where nothing is held out or given.
best_validation_score_ : float or None
    The best of them; of those of the last call, where it was `fit` with ``warm_start`` and ``early_stopping``.
stopped_early_ : bool
    Whether early stopping has ended the training.
n_iter_ : int
    Epochs or iterations of the last call.
t_ : int
    Samples trained on, each as often as it was.
n_layers_ : int
    Layers, that of the inputs and that of the outputs among them.
n_outputs_ : int
    Outputs: 1 for two classes.
out_activation_ : str
    What is after the last layer: "softmax", "logistic", "identity" or "exp".
n_features_in_ : int
    Features.
feature_names_in_ : ndarray of str
    Their names, where X had names.
"""

NOTES = """
With the same ``random_state`` the first weights, the batches and the penalty are those of scikit-learn's estimator, and
so is the loss of every epoch, but for rounding. What it does not have is `dropout`, `callbacks`, other activations
than its own four and a list of them, a validation set of one's own, and ``partial_fit`` with ``early_stopping``: each
call is then an epoch of one training, which ends when `n_iter_no_change` calls have not improved the score. The best
weights are taken back, `stopped_early_` is True, and further calls train nothing. Samples to score on are given, or a
part of X is held out: the same rows whenever a call has as many, so that no row of the same data is both trained and
scored on.

Training changes a copy, and the estimator takes the result over at the end. A call of ``fit`` or ``partial_fit`` that
raises an exception leaves every attribute as it was, and a `RandomState` too. Until the end of ``fit`` the old and the
new network are both in memory. Ctrl-C ends training, and the estimator keeps what it has learned, as in scikit-learn.
A training whose loss or weights become infinite or nan raises ValueError. With ``early_stopping``, ``fit`` goes on as
scikit-learn's does, restores the weights of the best validation score, and emits a ``ConvergenceWarning``; it raises
ValueError only if no epoch before had a finite score.
"""

_ACTIVATIONS = ", ".join(f'"{name}"' for name in ACTIVATIONS)
_PLACES = {
    "<parameters>": PARAMETERS.replace("<activations>", f"One of {_ACTIVATIONS}"),
    "<callbacks>": CALLBACKS,
    "<attributes>": ATTRIBUTES,
    "<notes>": NOTES,
}


def documented(cls: T) -> T:
    """Fill the places of a class's docstring."""
    if cls.__doc__ is not None:  # as it is under python -OO
        lines = inspect.cleandoc(cls.__doc__).splitlines()
        cls.__doc__ = "\n".join([*(_PLACES.get(line, line).strip("\n") for line in lines), ""])
    return cls
