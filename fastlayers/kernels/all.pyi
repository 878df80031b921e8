"""The entries of every level's module. Each returns NotImplemented, with nothing written, for what it does not take."""

from types import NotImplementedType
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

def cast_like(x: object, like: object) -> Array | NotImplementedType: ...
def as_input(layers: object, x: object, own: set[type]) -> object: ...
def relu(x: object, out: object = None) -> Array | NotImplementedType: ...
def relu_forward(x: object, out: object = None) -> tuple[Array, Array] | NotImplementedType: ...
def relu_backward(dout: object, mask: object, out: object = None) -> Array | NotImplementedType: ...
def sigmoid_forward(x: object, out: object = None) -> Array | NotImplementedType: ...
def sigmoid_backward(dout: object, y: object, out: object = None) -> Array | NotImplementedType: ...
def leaky_relu_forward(
    x: object, negative_slope: object = 0.01, out: object = None
) -> tuple[Array, Array] | NotImplementedType: ...
def leaky_relu_backward(
    dout: object, mask: object, negative_slope: object = 0.01, out: object = None
) -> Array | NotImplementedType: ...
def dropout_forward(
    x: object, draws: object, p: object = 0.5, out: object = None
) -> tuple[Array, Array] | NotImplementedType: ...
def dropout_backward(dout: object, mask: object, p: object = 0.5, out: object = None) -> Array | NotImplementedType: ...
def tanh_forward(x: object, out: object = None) -> Array | NotImplementedType: ...
def tanh_backward(dout: object, y: object, out: object = None) -> Array | NotImplementedType: ...
def affine_forward(x: object, W: object, b: object = None, out: object = None) -> Array | NotImplementedType: ...
def affine_backward(
    dout: object, x: object, W: object, need_dx: object = True, out: object = None
) -> tuple[Array | None, Array, Array] | NotImplementedType: ...
def softmax(x: object, axis: object = -1, out: object = None) -> Array | NotImplementedType: ...
def softmax_cross_entropy(
    x: object,
    t: object,
    out: object = None,
    weight: object = None,
    sample_weight: object = None,
    ignore_index: object = None,
    label_smoothing: object = 0.0,
    reduction: object = "mean",
) -> tuple[float | Array, Array] | NotImplementedType: ...
def softmax_with_loss(
    x: object,
    t: object,
    out: object = None,
    weight: object = None,
    sample_weight: object = None,
    ignore_index: object = None,
    label_smoothing: object = 0.0,
    reduction: object = "mean",
) -> tuple[float | Array, Array, Array] | NotImplementedType: ...
def mean_squared_error(
    y: object, t: object, out: object = None, sample_weight: object = None, reduction: object = "mean"
) -> tuple[float | Array, Array] | NotImplementedType: ...
def sigmoid_cross_entropy(
    x: object, t: object, out: object = None, sample_weight: object = None, reduction: object = "mean"
) -> tuple[float | Array, Array] | NotImplementedType: ...
def sigmoid_with_loss(
    x: object, t: object, out: object = None, sample_weight: object = None, reduction: object = "mean"
) -> tuple[float | Array, Array, Array] | NotImplementedType: ...
def set_num_threads(n: int) -> None: ...
def sgd_update(
    params: object, grads: object, lr: float, weight_decay: float = 0.0, clip_norm: float | None = None
) -> NotImplementedType | None: ...
def momentum_update(
    params: object,
    grads: object,
    v: object,
    lr: float,
    momentum: float,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
) -> NotImplementedType | None: ...
def adam_update(
    params: object,
    grads: object,
    m: object,
    v: object,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: int,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    decoupled: bool = False,
) -> NotImplementedType | None: ...
