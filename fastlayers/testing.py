"""Gradient checks by central differences, for the package's layers and for your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._core.arguments import check_ndarray
from ._core.types import Array
from .layers._declaration import check_declared, copy_buffers, grads_of, named_trained, put_buffers
from .layers._stack import leaves

__all__ = ["check_gradients", "numerical_gradient"]


def numerical_gradient(f: Callable[[Array], float], x: Array, *, h: float | None = None) -> Array:
    r"""Gradient of a scalar function by central differences.

    Parameters
    ----------
    f : callable
        ``f(x)`` gives a number. It is called with x itself, changed in one entry at a time.
    x : ndarray
        Of a floating dtype, any shape, writeable. Afterwards it is as it was, also when f raises.
    h : float, optional
        The step; by default the cube root of the dtype's epsilon (6e-6 in float64 and longdouble), scaled by
        the entry's size, which balances truncation against rounding.

    Returns
    -------
    ndarray
        x's shape: :math:`(f(x + h e_i) - f(x - h e_i)) / 2h`.

    Raises
    ------
    TypeError
        If x is not an ndarray of floats.
    ValueError
        If x is read-only or h is not positive.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 4.3.1 and 4.4.

    Examples
    --------
    >>> numerical_gradient(lambda x: float((x**2).sum()), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    check_ndarray("x", x, "f", "floats")
    if not x.flags.writeable:
        raise ValueError("x is read-only, but its entries must be changed one at a time")
    if h is not None and not h > 0:
        raise ValueError(f"h must be positive, not {h}")
    # f may give a float whatever x is of: so the step is never shorter than its digits allow.
    step = h if h is not None else float(np.cbrt(max(np.finfo(x.dtype).eps, np.finfo(np.float64).eps)))
    grad = np.empty_like(x, dtype=np.result_type(x, np.float64))
    for i in np.ndindex(x.shape):
        before = x[i]
        width = step if h is not None else step * max(1.0, abs(float(before)))
        try:
            x[i] = before + width
            above, f_above = x[i], f(x)
            x[i] = before - width
            below, f_below = x[i], f(x)
        finally:
            x[i] = before
        grad[i] = (np.float64(f_above) - np.float64(f_below)) / (np.float64(above) - np.float64(below))
    return grad


def check_gradients(
    layer: Any, *inputs: ArrayLike, rng: np.random.Generator | None = None, tolerance: float = 1e-6
) -> float:
    """Hold a layer's backward against central differences.

    Parameters
    ----------
    layer : object
        With ``forward(*inputs)`` and ``backward(dout)``, which gives the gradient of the input, or a
        tuple of one for each; where forward gives a tuple, backward is given a dout for each of it. Its
        parameters are checked too: ``W`` and ``b`` with ``dW`` and ``db``, those of its ``param_names``,
        or of its lists ``params`` and ``grads``. A loss (``forward(x, t)`` a plain float, and
        ``backward()`` the gradient of x) is told by its result, and its t is left alone.
    *inputs : array_like
        What forward is given; float64 is best. Integers for which backward gives None, or nothing at all, are indices,
        and left alone.
    rng : numpy.random.Generator, optional
        Draws the random weighting of the outputs; the same by default.
    tolerance : float, default 1e-6
        The largest relative difference that passes.

    Returns
    -------
    float
        The largest relative difference, ``max|backward - numerical| / max(max|numerical|, max|backward|)``
        over the inputs and parameters.

    Raises
    ------
    AssertionError
        If the difference is above the tolerance, or a gradient has another shape than what it belongs
        to; the message names it.

    Notes
    -----
    The output is made a scalar by a random weighting, ``sum(forward(x) * dout)``, whose gradient is
    ``backward(dout)``: a wrong entry anywhere shows. All passes are those of training, and what they change of buffers,
    such as running means, is put back. Kinks are no place to check: at ReLU's 0 there is
    no gradient. Saitoh, *Deep Learning from Scratch*, section 5.7.3.

    Examples
    --------
    >>> import fastlayers as fl
    >>> check_gradients(fl.Sigmoid(), np.linspace(-2.0, 2.0, 5)) < 1e-6
    True
    """
    buffers = copy_buffers(part for _, part in leaves([layer]))
    try:
        return _largest_difference(layer, inputs, np.random.default_rng(0) if rng is None else rng, tolerance)
    finally:
        put_buffers(buffers)


def _largest_difference(layer: Any, inputs: tuple[ArrayLike, ...], rng: np.random.Generator, tolerance: float) -> float:
    arrays = [np.array(value) for value in inputs]
    output = layer.forward(*arrays)
    is_loss = type(output) is float and len(arrays) == 2
    outputs = () if is_loss else output if isinstance(output, tuple) else (output,)
    douts = [rng.standard_normal(np.shape(each)) for each in outputs]

    def objective(_: Array) -> float:
        result = layer.forward(*arrays)
        if is_loss:
            return float(result)
        results = result if isinstance(result, tuple) else (result,)
        return sum(
            float(np.sum(np.asarray(each, dtype=np.float64) * dout)) for each, dout in zip(results, douts, strict=True)
        )

    returned = layer.backward(*(dout.astype(np.asarray(each).dtype) for each, dout in zip(outputs, douts, strict=True)))
    dinputs = returned if isinstance(returned, tuple) else (returned,)
    checked = arrays[:1] if is_loss else arrays
    if len(dinputs) < len(checked):
        checked = [a for a in checked if a.dtype.kind not in "iu"]
    if len(dinputs) != len(checked):
        raise AssertionError(f"backward gave {len(dinputs)} gradients for {len(checked)} inputs")
    claims = [
        (f"input {i}", a, np.array(d))
        for i, (a, d) in enumerate(zip(checked, dinputs, strict=True))
        if d is not None or a.dtype.kind not in "iu"
    ]
    check_declared(layer, "what is checked")
    pairs = zip(named_trained(layer), grads_of(layer), strict=True)
    claims += [(name, param, np.array(gradient)) for (name, param), gradient in pairs]

    worst = 0.0
    for name, array, claimed in claims:
        if claimed.shape != array.shape:
            raise AssertionError(
                f"the gradient of {name} has shape {claimed.shape}, but {name} has shape {array.shape}"
            )
        if array.size == 0:
            continue
        numerical = numerical_gradient(objective, array)
        scale = max(float(np.abs(numerical).max()), float(np.abs(claimed).max()), np.finfo(np.float64).tiny)
        difference = float(np.abs(claimed - numerical).max()) / scale
        if not difference <= tolerance:
            raise AssertionError(f"the gradient of {name} is off by {difference:.2e} relative, above {tolerance:.2e}")
        worst = max(worst, difference)
    return worst
