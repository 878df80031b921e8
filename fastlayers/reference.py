"""The same names as `fastlayers`, bound to the pure-Python path, whatever backend is set.

``fastlayers.reference.Relu`` is `fastlayers.Relu` with the NumPy functions in place of the kernels:
for reading, for checking a result, and for timing one against the other. The mathematics itself
stands in ``fastlayers/formulas.py``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, ParamSpec, TypeVar

from . import functional, layers, optimizers
from ._core import backend
from ._core.names import asked_for_missing
from .layers import AddLayer, MulLayer
from .network import Sequential

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AddLayer",
    "Affine",
    "Dropout",
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
    "affine_backward",
    "affine_forward",
    "cross_entropy_error",
    "dropout_backward",
    "dropout_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "mean_squared_error",
    "relu",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_forward",
    "softmax",
    "softmax_cross_entropy",
    "tanh_backward",
    "tanh_forward",
]

if not TYPE_CHECKING:
    __getattr__ = asked_for_missing(__name__)


P = ParamSpec("P")
R = TypeVar("R")


def _pure(function: Callable[P, R]) -> Callable[P, R]:
    """`function` answered by the reference: the same rules of input, with the reference to run."""
    rule = getattr(sys.modules[function.__module__], f"_{function.__name__}")

    @functools.wraps(function)
    def pure(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = rule(backend.run_reference, *args, **kwargs)
        return result

    pure.__module__ = __name__
    return pure


relu = _pure(functional.relu)
relu_forward = _pure(functional.relu_forward)
relu_backward = _pure(functional.relu_backward)
leaky_relu_forward = _pure(functional.leaky_relu_forward)
leaky_relu_backward = _pure(functional.leaky_relu_backward)
dropout_forward = _pure(functional.dropout_forward)
dropout_backward = _pure(functional.dropout_backward)
sigmoid_forward = _pure(functional.sigmoid_forward)
sigmoid_backward = _pure(functional.sigmoid_backward)
tanh_forward = _pure(functional.tanh_forward)
tanh_backward = _pure(functional.tanh_backward)
affine_forward = _pure(functional.affine_forward)
affine_backward = _pure(functional.affine_backward)
softmax = _pure(functional.softmax)
cross_entropy_error = _pure(functional.cross_entropy_error)
softmax_cross_entropy = _pure(functional.softmax_cross_entropy)
softmax_with_loss = _pure(functional.softmax_with_loss)
mean_squared_error = _pure(functional.mean_squared_error)
sigmoid_cross_entropy = _pure(functional.sigmoid_cross_entropy)
sigmoid_with_loss = _pure(functional.sigmoid_with_loss)


class Relu(layers.Relu):
    """`fastlayers.Relu` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class LeakyRelu(layers.LeakyRelu):
    """`fastlayers.LeakyRelu` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class Dropout(layers.Dropout):
    """`fastlayers.Dropout` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class Sigmoid(layers.Sigmoid):
    """`fastlayers.Sigmoid` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class Tanh(layers.Tanh):
    """`fastlayers.Tanh` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class Affine(layers.Affine):
    """`fastlayers.Affine` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class SoftmaxWithLoss(layers.SoftmaxWithLoss):
    """`fastlayers.SoftmaxWithLoss` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class SigmoidWithLoss(layers.SigmoidWithLoss):
    """`fastlayers.SigmoidWithLoss` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class MeanSquaredError(layers.MeanSquaredError):
    """`fastlayers.MeanSquaredError` on the pure-Python path."""

    _functions: ClassVar[ModuleType] = sys.modules[__name__]


class SGD(optimizers.SGD):
    """`fastlayers.SGD` on the pure-Python path."""

    _pure: ClassVar[bool] = True


class Momentum(optimizers.Momentum):
    """`fastlayers.Momentum` on the pure-Python path."""

    _pure: ClassVar[bool] = True


class Adam(optimizers.Adam):
    """`fastlayers.Adam` on the pure-Python path."""

    _pure: ClassVar[bool] = True


class AdamW(optimizers.AdamW):
    """`fastlayers.AdamW` on the pure-Python path."""

    _pure: ClassVar[bool] = True
