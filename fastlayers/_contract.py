"""Every rule about input, in one room: coercion, promotion, shapes, labels, ``out``, and every message.

A compiled entry takes the common call and declines all else by returning ``NotImplemented`` with
nothing written. Then the function of its name here makes the input fit, or raises; it has the work
done by ``run(name, *arrays)``, which is the current backend's or the reference's; and it puts the
results where ``out`` says. So the rules are written once and both paths give the same errors.

Results are computed into fresh memory before ``out`` is looked at. That makes two promises cheap:
nothing is written when anything is wrong, and an ``out`` that overlaps an input in part does no harm.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._memory import Recycler

Array = NDArray[Any]
Run = Callable[..., Any]
# A layer gives its Recycler, which only the kernels take memory from: to the rules here it is as None.
Out = Array | Recycler | tuple[Array | Recycler | None, ...] | None


REDUCTIONS = ("mean", "sum", "none")


# What each function asks of its input


def relu(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = _alike(_real("x", x))
    return _deliver_one(run("relu", x), out, "y")


def relu_forward(run: Run, x: ArrayLike, *, out: Out = None) -> tuple[Array, Array]:
    (x,) = _alike(_real("x", x))
    y, mask = _deliver(run("relu_forward", x), out, ("y", "mask"))
    return y, mask


def relu_backward(run: Run, dout: ArrayLike, mask: ArrayLike, *, out: Out = None) -> Array:
    dout, mask = _real("dout", dout), _boolean("mask", mask)
    _same_shape("dout", dout, "mask", mask)
    return _deliver_one(run("relu_backward", *_alike(dout, mask)), out, "dx")


def sigmoid_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = _alike(_floating("x", x))
    return _deliver_one(run("sigmoid_forward", x), out, "y")


def sigmoid_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, out: Out = None) -> Array:
    dout, y = _real("dout", dout), _real("y", y)
    _same_shape("dout", dout, "y", y)
    # `1 - y` with y bool is refused by NumPy; as a number it is what was meant.
    dtype = np.result_type(dout, y, np.int8) if y.dtype == bool else np.result_type(dout, y)
    return _deliver_one(run("sigmoid_backward", *_alike(*_cast(dtype, dout, y))), out, "dx")


def affine_forward(run: Run, x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, *, out: Out = None) -> Array:
    x, W = _real("x", x), _matrix("W", W)
    arrays = [_samples(x, W), W]
    if b is not None:
        b = _real("b", b)
        if b.shape != W.shape[1:]:
            raise ValueError(f"b of shape {b.shape} does not fit W of shape {W.shape}: b must have shape {W.shape[1:]}")
        arrays.append(b)
    arrays = [np.asarray(a, order="C") for a in _cast(np.result_type(*arrays), *arrays)]
    return _deliver_one(run("affine_forward", *arrays, *([None] if b is None else [])), out, "y")


def affine_backward(
    run: Run, dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: bool = True, out: Out = None
) -> tuple[Array | None, Array, Array]:
    need_dx = bool(need_dx)  # first, as the kernel has it
    dout, x, W = _real("dout", dout), _real("x", x), _matrix("W", W)
    samples = _samples(x, W)
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
    dx, dW, db = _deliver((dx, dW, db), out, ("dx", "dW", "db"))
    return dx, dW, db


def softmax(run: Run, x: ArrayLike, *, axis: int = -1, out: Out = None) -> Array:
    x = _floating("x", x)
    if x.ndim == 0:
        raise ValueError("x is 0-dimensional: softmax needs an axis of classes")
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim)
    axis %= x.ndim
    if _fortran(x):  # its transpose is contiguous, and gives back the layout
        y = _softmax_rows(run, x.T, x.ndim - 1 - axis).T
    else:
        y = _softmax_rows(run, x, axis)
    return _deliver_one(y, out, "y")


def cross_entropy_error(run: Run, y: ArrayLike, t: ArrayLike) -> float:
    y, t = _scores("y", _floating("y", y), t)
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
    rows = _Rows(x)
    arguments = rows.arguments(t, weight, sample_weight, ignore_index, label_smoothing, reduction)
    loss, dx = run("softmax_cross_entropy", **arguments)
    return rows.loss(loss), _deliver_one(rows.restored(dx), out, "dx")


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
    rows = _Rows(x)
    arguments = rows.arguments(t, weight, sample_weight, ignore_index, label_smoothing, reduction)
    loss, y, dx = run("softmax_with_loss", **arguments)
    y, dx = _deliver((rows.restored(y), rows.restored(dx)), out, ("y", "dx"))
    return rows.loss(loss), y, dx


def operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands of a node: plain numbers as they are, arrays of one shape, or one of each."""
    x, y = _number_or_array("x", x), _number_or_array("y", y)
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        _same_shape("x", x, "y", y)
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
    return number(name, value) if isinstance(value, numbers.Real) else _real(name, value)


def gradient_of_loss(dout: Any, loss: Any, ndim: int) -> Any:
    """The gradient for a loss: a number, or one for each of several losses, to go with a dx of `ndim` axes."""
    if np.ndim(loss) == 0 or np.ndim(dout) == 0:
        return number("dout", dout)
    dout = _real("dout", dout)
    _same_shape("dout", dout, "the loss", loss)
    return np.expand_dims(dout, min(ndim - 1, 1)) if dout.ndim == ndim - 1 else dout


def number(name: str, value: Any) -> float:
    """One real number, as a float: a scale, or an optimizer's factor."""
    if type(value) is float:
        return value
    if not isinstance(value, numbers.Real):
        value = _real(name, value)
        if value.ndim:
            raise ValueError(f"{name} must be one number, not an array of shape {value.shape}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float") from None


def fraction(name: str, value: Any) -> float:
    """A number of [0, 1), as what remains of a running mean."""
    fraction = number(name, value)
    if not 0 <= fraction < 1:
        raise ValueError(f"{name} must lie in [0, 1), not {fraction}")
    return fraction


# Numbers


def _real(name: str, value: ArrayLike) -> Array:
    """An exact, aligned, native `ndarray` of bool, integer or real floating dtype."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype.name} ({_kind(value)})")
    check_unmasked(name, value)
    if not (array.dtype.isnative and array.flags.aligned):
        array = array.astype(array.dtype.newbyteorder("="), order="K")
    return array


def _floating(name: str, value: ArrayLike) -> Array:
    """The same in the dtype that ``np.exp`` gives: a floating one stays, int64 becomes float64."""
    array = _real(name, value)
    return array.astype(np.exp.resolve_dtypes((array.dtype, None))[1], copy=False)


def _boolean(name: str, value: ArrayLike) -> Array:
    array = np.asarray(value)
    if array.dtype != bool:
        raise TypeError(f"{name} must be of dtype bool, not {array.dtype.name} ({_kind(value)})")
    check_unmasked(name, value)
    return array


def check_unmasked(name: str, value: object) -> None:
    """A masked entry is no number, and NumPy would give what lies beneath it."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries, which stand for no number: fill them first")


def _kind(value: object) -> str:
    """How to name an argument in a message: its type, for an array nothing that the dtype does not say."""
    return "an array" if isinstance(value, np.ndarray) else f"from a {type(value).__name__}"


def _cast(dtype: np.dtype[Any], *arrays: Array) -> list[Array]:
    return [a.astype(dtype, copy=False) for a in arrays]


# Shapes and layout


def _same_shape(name: str, array: Array, other_name: str, other: Array) -> None:
    if array.shape != other.shape:
        raise ValueError(f"{name} of shape {array.shape} does not fit {other_name} of shape {other.shape}")


def _fortran(array: Array) -> bool:
    return array.flags.f_contiguous and not array.flags.c_contiguous


def _alike(*arrays: Array) -> list[Array]:
    """The arrays in one contiguous layout: Fortran's where all have it, else C's."""
    order = "F" if all(a.flags.f_contiguous for a in arrays) and any(_fortran(a) for a in arrays) else "C"
    return [np.asarray(a, order=order) for a in arrays]  # type: ignore[call-overload]  # order is one of two literals


def _samples(x: Array, W: Array) -> Array:
    """``(N, ...)`` flattened to the ``(N, D)`` that W takes; ``(D,)`` is one sample and stays."""
    if x.ndim == 0:
        raise ValueError("x is 0-dimensional: it must be one sample (D,) or a batch (N, ...)")
    samples = x if x.ndim < 3 else x.reshape(x.shape[0], math.prod(x.shape[1:]))
    if samples.shape[-1] != W.shape[0]:
        raise ValueError(
            f"x of shape {x.shape} does not fit W of shape {W.shape}: a sample must have W's {W.shape[0]} numbers"
        )
    return samples


def _matrix(name: str, value: ArrayLike) -> Array:
    array = _real(name, value)
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (D, M), not {array.shape}")
    return array


def _softmax_rows(run: Run, x: Array, axis: int) -> Array:
    """Softmax along `axis` of an array of any strides, C-contiguous."""
    rows: Array = np.asarray(np.moveaxis(x, axis, -1), order="C")
    y: Array = np.moveaxis(run("softmax", rows), -1, axis)
    return np.asarray(y, order="C")


# Labels and targets


def _scores(name: str, x: Array, t: ArrayLike) -> tuple[Array, Array]:
    """Floating `x` as ``(N, C)`` and `t` as ``(N,)`` labels of dtype intp or ``(N, C)`` targets of x's dtype."""
    t = _real("t", t)
    if x.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (N, C) or (C,), not {x.shape}")
    scores = np.atleast_2d(x)
    n = len(scores)
    if t.shape == x.shape:
        return np.asarray(scores, order="C"), np.asarray(np.atleast_2d(t), dtype=x.dtype, order="C")
    if t.shape == (n,) or (x.ndim == 1 and t.ndim == 0):
        return np.asarray(scores, order="C"), _labels(t.reshape(n), scores.shape[1])
    labels = "() or (1,)" if x.ndim == 1 else f"({n},)"
    raise ValueError(
        f"t of shape {t.shape} does not fit {name} of shape {x.shape}: "
        f"t must be labels of shape {labels} or targets of shape {x.shape}"
    )


def scores_and_labels(x: Array, t: ArrayLike) -> tuple[Array, Array]:
    """`x` as ``(N, C)`` and `t` as ``(N,)`` labels: of targets, each row's largest."""
    scores, t = _scores("scores", _floating("scores", x), t)
    return scores, t.argmax(axis=1) if t.ndim == 2 and t.size else t.reshape(-1)[: len(scores)]


def _labels(t: Array, classes: int, ignored: int | None = None) -> Array:
    """Labels of any shape as ``(N,)`` of dtype intp, -1 where they are ignored."""
    if t.dtype.kind not in "iu" and t.size:  # NumPy makes float64 of an empty list
        raise TypeError(f"labels t must be integers, not {t.dtype.name}")
    t = t.copy()  # what is checked stays so, whatever another thread writes to the caller's
    out_of_place = np.zeros(t.shape, bool) if ignored is None else t == ignored
    wrong = np.argwhere(((t < 0) | (t >= classes)) & ~out_of_place)
    if len(wrong):
        place = tuple(wrong[0].tolist())
        where = f"row {place[0] if place else 0}" if len(place) < 2 else f"index {place}"
        raise ValueError(f"label {t[place]} at {where} is outside [0, {classes})")
    labels = np.where(out_of_place, -1, t.astype(np.intp)).reshape(-1)
    return np.asarray(labels, dtype=np.intp, order="C")


class _Rows:
    """Scores ``(N, C, ...)`` or ``(C,)`` as rows of classes, and what goes with them in the same order.

    Where the classes are innermost in memory nothing is copied, on the way in or out.
    """

    def __init__(self, x: ArrayLike) -> None:
        x = _floating("x", x)
        if x.ndim == 0:
            raise ValueError("x is 0-dimensional: it must be the scores of one sample (C,) or of a batch (N, C, ...)")
        self._x = x
        self._axis = min(x.ndim - 1, 1)
        self._innermost = np.moveaxis(x, self._axis, -1)
        *labels, self._classes = self._innermost.shape
        self._labels_shape = tuple(labels)

    def arguments(
        self,
        t: ArrayLike,
        weight: ArrayLike | None,
        sample_weight: ArrayLike | None,
        ignore_index: int | None,
        label_smoothing: float,
        reduction: str,
    ) -> dict[str, Any]:
        """What the implementations take, by name; nothing large is copied before all is seen to fit."""
        t = _real("t", t)
        if ignore_index is not None:
            ignore_index = _integer("ignore_index", ignore_index)
        label_smoothing = number("label_smoothing", label_smoothing)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must lie in [0, 1], not {label_smoothing}")
        if not isinstance(reduction, str) or reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, not {reduction!r}")
        are_labels = t.shape != self._x.shape
        if are_labels:
            self._check_labels_shape(t.shape)
        elif ignore_index is not None:
            raise ValueError(f"ignore_index={ignore_index} is for labels: targets of shape {t.shape} have none")
        if weight is not None:
            weight = self._weights("weight", weight, (self._classes,), "one for each class")
        if sample_weight is not None:
            sample_weight = self._weights("sample_weight", sample_weight, self._labels_shape, "one for each sample")
        if are_labels:
            t = _labels(t, self._classes, ignore_index)
            ignore_index = None if ignore_index is None else -1
        else:
            t = self._as_rows(np.moveaxis(t, self._axis, -1))
        return {
            "x": self._as_rows(self._innermost),
            "t": t,
            "weight": weight,
            "sample_weight": sample_weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
            "reduction": str(reduction),
        }

    def _check_labels_shape(self, shape: tuple[int, ...]) -> None:
        if shape == (1,) and self._x.ndim == 1:
            self._labels_shape = shape
        if shape != self._labels_shape:
            labels = "() or (1,)" if self._x.ndim == 1 else self._labels_shape
            raise ValueError(
                f"t of shape {shape} does not fit x of shape {self._x.shape}: "
                f"t must be labels of shape {labels} or targets of shape {self._x.shape}"
            )

    def _as_rows(self, a: Array) -> Array:
        rows = a.reshape(math.prod(self._labels_shape), self._classes)
        return np.asarray(rows, dtype=self._x.dtype, order="C")

    def _weights(self, name: str, value: ArrayLike, shape: tuple[int, ...], what: str) -> Array:
        array = _real(name, value)
        if array.shape != shape:
            raise ValueError(f"{name} of shape {array.shape} does not fit: it must have shape {shape}, {what}")
        return np.asarray(array.reshape(-1), dtype=self._x.dtype, order="C")

    def loss(self, loss: Any) -> float | Array:
        """A loss for each label, where those are asked for."""
        return loss.reshape(self._labels_shape) if isinstance(loss, np.ndarray) else loss

    def restored(self, rows: Array) -> Array:
        """Rows of classes in the shape of x; where the classes were innermost in memory, they stay so."""
        y = np.moveaxis(rows.reshape(self._innermost.shape), -1, self._axis)
        return y if self._innermost.flags.c_contiguous else np.asarray(y, order="C")


def _integer(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None


# Where the results go


def _deliver_one(result: Array, out: Out, name: str) -> Array:
    if isinstance(out, tuple) and len(out) != 1:
        raise TypeError(f"out must be an array or a 1-tuple for the one result {name}, not a tuple of {len(out)}")
    delivered: Array = _deliver((result,), out if isinstance(out, tuple) else (out,), (name,))[0]
    return delivered


def _deliver(results: tuple[Any, ...], out: Out, names: tuple[str, ...]) -> list[Any]:
    """Each result, in the array given for it where there is one; all are checked before any is written."""
    results = tuple(None if r is None else np.asarray(r) for r in results)  # NumPy makes scalars of 0-d results
    if out is None:
        return list(results)
    if not isinstance(out, tuple) or len(out) != len(names):
        given = f"a tuple of {len(out)}" if isinstance(out, tuple) else type(out).__name__
        raise TypeError(f"out must be a tuple ({', '.join(names)}), any of it None, not {given}")
    targets = [None if isinstance(target, Recycler) else target for target in out]
    for name, result, target in zip(names, results, targets, strict=True):
        if target is not None:
            _check_out(name, result, target)
    _check_apart([target for target in targets if target is not None])
    delivered = [result if target is None else target for result, target in zip(results, targets, strict=True)]
    for result, target in zip(results, targets, strict=True):
        if target is not None:
            np.copyto(target, result)
    return delivered


def _check_out(name: str, result: Array, target: Array) -> None:
    if not isinstance(target, np.ndarray):
        raise TypeError(f"out for {name} must be an ndarray, not {type(target).__name__}")
    if target.dtype.newbyteorder("=") != result.dtype:
        raise TypeError(f"out for {name} has dtype {target.dtype}, but the result has dtype {result.dtype}")
    if target.shape != result.shape:
        raise ValueError(f"out for {name} has shape {target.shape}, but the result has shape {result.shape}")
    if not target.flags.writeable:
        raise ValueError(f"out for {name} is read-only")
    check_unmasked(f"out for {name}", target)
    if not _elements_are_apart(target):
        raise ValueError(f"out for {name} has elements that overlap each other: each number needs memory of its own")


def _elements_are_apart(array: Array) -> bool:
    """Whether no two elements share memory; an array that only ``as_strided`` can make may be refused in vain."""
    if array.size == 0:
        return True
    reach = array.itemsize
    for stride, n in sorted((abs(stride), n) for stride, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < reach:
            return False
        reach += stride * (n - 1)
    return True


def _check_apart(targets: list[Array]) -> None:
    """Two results cannot share memory: one would be lost."""
    for i, target in enumerate(targets):
        for other in targets[:i]:
            try:
                # Its stub knows no other limit than -1 and 0.
                overlap = np.shares_memory(target, other, max_work=10_000)  # type: ignore[arg-type]
            except np.exceptions.TooHardError:
                overlap = True  # cannot be told apart cheaply: refuse
            if overlap:
                raise ValueError("the arrays in out overlap each other: each result needs memory of its own")
