"""The layers of "Deep Learning from Scratch" at the speed of the machine.

>>> import fastlayers as fl
>>> relu = fl.Relu()
>>> relu.forward([[1.0, -0.5], [-2.0, 3.0]])
array([[1., 0.],
       [0., 3.]])

Layers: `MulLayer`, `AddLayer`, `Relu`, `LeakyRelu`, `Sigmoid`, `Tanh`, `Affine`, `Dropout`, and the losses
`SoftmaxWithLoss`, `SigmoidWithLoss`, `MeanSquaredError`; networks: `Sequential`, trained by its ``fit``, which gives a
`History`, with ``fastlayers.callbacks``; `SGD`, `Momentum`, `Adam`, `AdamW`, ``fastlayers.schedules`` of their learning
rates, ``fastlayers.initializers`` of weights; the stateless functions behind the layers; ``fastlayers.reference``, the
same names in pure Python; ``fastlayers.testing``, gradient checks; `show_config`, what runs. ``fastlayers.datasets``
and ``fastlayers.graph`` are imported when they are first used.
"""

from typing import TYPE_CHECKING

try:
    from ._core.backend import get_backend, get_num_threads, set_backend, set_num_threads, show_config, use_backend
except (KeyboardInterrupt, ValueError, ImportError) as error:
    import sys

    # `python -m fastlayers` imports this before its __main__; until it has, argv[0] is "-m", and the name stands before
    # what else is in argv.
    argv = getattr(sys, "argv", [])  # an interpreter that is embedded may have none
    if argv[:1] != ["-m"] or sys.orig_argv[-len(argv)].removeprefix("-m") != __name__:
        raise
    from _fastlayers_command import tell

    sys.exit(tell(error))

from . import callbacks, initializers, reference, schedules, testing
from ._core.names import asked_for_missing
from ._core.protocols import Layer
from ._version import __version__
from .functional import (
    affine_backward,
    affine_forward,
    cross_entropy_error,
    dropout_backward,
    dropout_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    mean_squared_error,
    relu,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_cross_entropy,
    sigmoid_forward,
    softmax,
    softmax_cross_entropy,
    tanh_backward,
    tanh_forward,
)
from .layers import (
    AddLayer,
    Affine,
    Dropout,
    LeakyRelu,
    MeanSquaredError,
    MulLayer,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Tanh,
)
from .network import Sequential
from .optimizers import SGD, Adam, AdamW, Momentum
from .training.history import History

if TYPE_CHECKING:
    from . import datasets as datasets  # the names that type checkers take for public, though no star imports them
    from . import graph as graph
else:
    __getattr__ = asked_for_missing(__name__, "datasets", "graph")

    def __dir__():
        return sorted({*globals(), "datasets", "graph"})


__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AddLayer",
    "Affine",
    "Dropout",
    "History",
    "Layer",
    "LeakyRelu",
    "MeanSquaredError",
    "Momentum",
    "MulLayer",
    "Relu",
    "Sequential",
    "Sigmoid",
    "SigmoidWithLoss",
    "SoftmaxWithLoss",
    "Tanh",
    "__version__",
    "affine_backward",
    "affine_forward",
    "callbacks",
    "cross_entropy_error",
    "dropout_backward",
    "dropout_forward",
    "get_backend",
    "get_num_threads",
    "initializers",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "mean_squared_error",
    "reference",
    "relu",
    "relu_backward",
    "relu_forward",
    "schedules",
    "set_backend",
    "set_num_threads",
    "show_config",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_forward",
    "softmax",
    "softmax_cross_entropy",
    "tanh_backward",
    "tanh_forward",
    "testing",
    "use_backend",
]
