"""Every rule about input: what each function asks of its arguments, and the errors of those that do not fit.

A compiled entry takes the common call and declines all else by returning ``NotImplemented`` with
nothing written. Then the function of its name here makes the input fit, or raises; it has the work
done by ``run(name, *arrays)``, which is the current backend's or the reference's; and it puts the
results where ``out`` says. So the rules are written once and both paths give the same errors. What is asked
of one argument, whichever function it is for, stands in `_arguments`, and of ``out`` in `_results`.

Results are computed into fresh memory before ``out`` is looked at. That makes two promises cheap:
nothing is written when anything is wrong, and an ``out`` that overlaps an input in part does no harm.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import (
    alike,
    as_samples,
    boolean,
    cast,
    floating,
    fortran,
    matrix,
    number,
    probability,
    real,
    same_shape,
    scores_and_targets,
)
from ._batches import Pairs, Rows
from ._results import Out, deliver, deliver_one

Array = NDArray[Any]
Run = Callable[..., Any]

# What each function asks of its input


def cast_like(run: Run, x: ArrayLike, like: Array, name: str = "x") -> Array:
    """x in the dtype of `like`, a floating one; ValueError where a finite number would become infinite."""
    (x,) = alike(real(name, x))
    y: Array = run("cast_like", x, like)
    beyond = np.isinf(y) & np.isfinite(x)
    if beyond.any():
        place = tuple(np.argwhere(beyond)[0].tolist())
        where = ", ".join(map(str, place))
        raise ValueError(f"{name}[{where}] is {x[place]}, which is beyond {y.dtype.name}, the dtype of the parameters")
    return y


def relu(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = alike(real("x", x))
    return deliver_one(run("relu", x), out, "y")


def relu_forward(run: Run, x: ArrayLike, *, out: Out = None) -> tuple[Array, Array]:
    (x,) = alike(real("x", x))
    y, mask = deliver(run("relu_forward", x), out, ("y", "mask"))
    return y, mask


def relu_backward(run: Run, dout: ArrayLike, mask: ArrayLike, *, out: Out = None) -> Array:
    dout, mask = real("dout", dout), boolean("mask", mask)
    same_shape("dout", dout, "mask", mask)
    return deliver_one(run("relu_backward", *alike(dout, mask)), out, "dx")


def leaky_relu_forward(run: Run, x: ArrayLike, negative_slope: float = 0.01, *, out: Out = None) -> tuple[Array, Array]:
    (x,) = alike(floating("x", x))
    y, mask = deliver(run("leaky_relu_forward", x, number("negative_slope", negative_slope)), out, ("y", "mask"))
    return y, mask


def leaky_relu_backward(
    run: Run, dout: ArrayLike, mask: ArrayLike, negative_slope: float = 0.01, *, out: Out = None
) -> Array:
    dout, mask = floating("dout", dout), boolean("mask", mask)
    same_shape("dout", dout, "mask", mask)
    slope = number("negative_slope", negative_slope)
    return deliver_one(run("leaky_relu_backward", *alike(dout, mask), slope), out, "dx")


def dropout_forward(
    run: Run, x: ArrayLike, draws: ArrayLike, p: float = 0.5, *, out: Out = None
) -> tuple[Array, Array]:
    x, draws = floating("x", x), real("draws", draws)
    same_shape("draws", draws, "x", x)
    y, mask = deliver(run("dropout_forward", *alike(x, draws), probability("p", p)), out, ("y", "mask"))
    return y, mask


def dropout_backward(run: Run, dout: ArrayLike, mask: ArrayLike, p: float = 0.5, *, out: Out = None) -> Array:
    dout, mask = floating("dout", dout), boolean("mask", mask)
    same_shape("dout", dout, "mask", mask)
    return deliver_one(run("dropout_backward", *alike(dout, mask), probability("p", p)), out, "dx")


def sigmoid_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = alike(floating("x", x))
    return deliver_one(run("sigmoid_forward", x), out, "y")


def sigmoid_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, out: Out = None) -> Array:
    dout, y = real("dout", dout), real("y", y)
    same_shape("dout", dout, "y", y)
    # `1 - y` with y bool is refused by NumPy; as a number it is what was meant.
    dtype = np.result_type(dout, y, np.int8) if y.dtype == bool else np.result_type(dout, y)
    return deliver_one(run("sigmoid_backward", *alike(*cast(dtype, dout, y))), out, "dx")


def tanh_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = alike(floating("x", x))
    return deliver_one(run("tanh_forward", x), out, "y")


def tanh_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, out: Out = None) -> Array:
    dout, y = floating("dout", dout), floating("y", y)
    same_shape("dout", dout, "y", y)
    return deliver_one(run("tanh_backward", *alike(*cast(np.result_type(dout, y), dout, y))), out, "dx")


def affine_forward(run: Run, x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, *, out: Out = None) -> Array:
    x, W = real("x", x), matrix("W", W)
    arrays = [as_samples(x, W), W]
    if b is not None:
        b = real("b", b)
        if b.shape != W.shape[1:]:
            raise ValueError(f"b of shape {b.shape} does not fit W of shape {W.shape}: b must have shape {W.shape[1:]}")
        arrays.append(b)
    arrays = [np.asarray(a, order="C") for a in cast(np.result_type(*arrays), *arrays)]
    return deliver_one(run("affine_forward", *arrays, *([None] if b is None else [])), out, "y")


def affine_backward(
    run: Run, dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: bool = True, out: Out = None
) -> tuple[Array | None, Array, Array]:
    need_dx = bool(need_dx)  # first, as the kernel has it
    dout, x, W = real("dout", dout), real("x", x), matrix("W", W)
    samples = as_samples(x, W)
    expected = (*samples.shape[:-1], W.shape[1])
    if dout.shape != expected:
        raise ValueError(
            f"dout of shape {dout.shape} does not fit x of shape {x.shape} and W of shape {W.shape}: "
            f"dout must have shape {expected}"
        )
    if not need_dx and isinstance(out, tuple) and len(out) == 3 and isinstance(out[0], np.ndarray):
        raise ValueError("out[0] must be None when need_dx is False: there is no dx to write into it")
    arrays = [np.asarray(np.atleast_2d(a), order="C") for a in (dout, samples, W)]
    dx, dW, db = run("affine_backward", *arrays, need_dx)
    if dx is not None:
        dx = dx.reshape(x.shape)
    dx, dW, db = deliver((dx, dW, db), out, ("dx", "dW", "db"))
    return dx, dW, db


def softmax(run: Run, x: ArrayLike, *, axis: int = -1, out: Out = None) -> Array:
    x = floating("x", x)
    if x.ndim == 0:
        raise ValueError("x is 0-dimensional: softmax needs an axis of classes")
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim)
    axis %= x.ndim
    if fortran(x):  # its transpose is contiguous, and gives back the layout
        y = _softmax_rows(run, x.T, x.ndim - 1 - axis).T
    else:
        y = _softmax_rows(run, x, axis)
    return deliver_one(y, out, "y")


def cross_entropy_error(run: Run, y: ArrayLike, t: ArrayLike) -> float:
    y, t = scores_and_targets("y", floating("y", y), t)
    loss: float = run("cross_entropy_error", y, t)
    return loss


def softmax_cross_entropy(
    run: Run,
    x: ArrayLike,
    t: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[float | Array, Array]:
    rows = Rows(x)
    arguments = rows.arguments(t, weight, sample_weight, ignore_index, label_smoothing, reduction)
    loss, dx = run("softmax_cross_entropy", **arguments)
    return rows.loss(loss), deliver_one(rows.restored(dx), out, "dx")


def softmax_with_loss(
    run: Run,
    x: ArrayLike,
    t: ArrayLike,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[float | Array, Array, Array]:
    rows = Rows(x)
    arguments = rows.arguments(t, weight, sample_weight, ignore_index, label_smoothing, reduction)
    loss, y, dx = run("softmax_with_loss", **arguments)
    y, dx = deliver((rows.restored(y), rows.restored(dx)), out, ("y", "dx"))
    return rows.loss(loss), y, dx


def mean_squared_error(
    run: Run,
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[float | Array, Array]:
    pairs = Pairs("y", y, t, sample_weight, reduction)
    loss, dx = run("mean_squared_error", **pairs.arguments)
    return pairs.loss(loss), deliver_one(pairs.restored(dx), out, "dx")


def sigmoid_cross_entropy(
    run: Run,
    x: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[float | Array, Array]:
    pairs = Pairs("x", x, t, sample_weight, reduction, probabilities=True)
    loss, dx = run("sigmoid_cross_entropy", **pairs.arguments)
    return pairs.loss(loss), deliver_one(pairs.restored(dx), out, "dx")


def sigmoid_with_loss(
    run: Run,
    x: ArrayLike,
    t: ArrayLike,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[float | Array, Array, Array]:
    pairs = Pairs("x", x, t, sample_weight, reduction, probabilities=True)
    loss, y, dx = run("sigmoid_with_loss", **pairs.arguments)
    y, dx = deliver((pairs.restored(y), pairs.restored(dx)), out, ("y", "dx"))
    return pairs.loss(loss), y, dx


def logits_and_sides(x: ArrayLike, t: ArrayLike) -> tuple[Array, Array]:
    """Logits, and for each whether its target says yes."""
    pairs = Pairs("x", x, t, None, "mean", probabilities=True)
    return pairs.arguments["x"], pairs.arguments["t"] > 0.5


def _softmax_rows(run: Run, x: Array, axis: int) -> Array:
    """Softmax along `axis` of an array of any strides, C-contiguous."""
    rows: Array = np.asarray(np.moveaxis(x, axis, -1), order="C")
    y: Array = np.moveaxis(run("softmax", rows), -1, axis)
    return np.asarray(y, order="C")


def operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands of a node: plain numbers as they are, arrays of one shape, or one of each."""
    x, y = _number_or_array("x", x), _number_or_array("y", y)
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        same_shape("x", x, "y", y)
    return x, y


def gradient_of_node(dout: Any, x: Any, y: Any) -> Any:
    """A node's dout: a plain number as it is, or an array of the shape that its operands have together."""
    dout = _number_or_array("dout", dout)
    if isinstance(dout, np.ndarray):
        shape = getattr(x, "shape", ()) or getattr(y, "shape", ())
        if dout.shape != shape:
            raise ValueError(f"dout of shape {dout.shape} does not fit the output of shape {shape}")
    return dout


def _number_or_array(name: str, value: Any) -> Any:
    if isinstance(value, (int, float, np.integer, np.floating)):
        return value
    # Of another kind of number, a Fraction say, NumPy would make an array of objects.
    return number(name, value) if isinstance(value, numbers.Real) else real(name, value)


def gradient_of_loss(dout: Any, loss: Any, ndim: int, axis: int) -> Any:
    """The gradient for a loss: a number, or one for each of several losses, to go with a dx of `ndim` axes.

    `axis` is the one of dx that the losses may lack.
    """
    if np.ndim(loss) == 0 or np.ndim(dout) == 0:
        return number("dout", dout)
    dout = real("dout", dout)
    same_shape("dout", dout, "the loss", loss)
    return np.expand_dims(dout, axis) if dout.ndim == ndim - 1 else dout
