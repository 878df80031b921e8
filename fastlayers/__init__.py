"""The layers of "Deep Learning from Scratch" at the speed of the machine.

>>> import fastlayers as fl
>>> relu = fl.Relu()
>>> relu.forward([[1.0, -0.5], [-2.0, 3.0]])
array([[1., 0.],
       [0., 3.]])

Layers: `MulLayer`, `AddLayer`, `Relu`, `Sigmoid`, `Affine`, `SoftmaxWithLoss`; networks: `Sequential`
with `SGD`, `Momentum`, `Adam`; the stateless functions behind them; ``fastlayers.reference``, the same
names in pure Python; ``fastlayers.testing``, gradient checks; `show_config`, what runs.
"""

from . import reference, testing
from ._backend import get_backend, get_num_threads, set_backend, set_num_threads, show_config, use_backend
from ._version import __version__
from .functional import (
    affine_backward,
    affine_forward,
    cross_entropy_error,
    relu,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax,
    softmax_cross_entropy,
)
from .layers import AddLayer, Affine, MulLayer, Relu, Sigmoid, SoftmaxWithLoss
from .network import Sequential
from .optimizers import SGD, Adam, Momentum

__all__ = [
    "SGD",
    "Adam",
    "AddLayer",
    "Affine",
    "Momentum",
    "MulLayer",
    "Relu",
    "Sequential",
    "Sigmoid",
    "SoftmaxWithLoss",
    "__version__",
    "affine_backward",
    "affine_forward",
    "cross_entropy_error",
    "get_backend",
    "get_num_threads",
    "reference",
    "relu",
    "relu_backward",
    "relu_forward",
    "set_backend",
    "set_num_threads",
    "show_config",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax",
    "softmax_cross_entropy",
    "testing",
    "use_backend",
]
