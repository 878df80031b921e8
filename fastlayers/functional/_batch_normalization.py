"""What the functions of batch normalization do with arguments that no kernel takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import cast, positive, probability, real, same_shape
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, Run
from ..formulas import batch_normalization as formulas

EPS = 10e-7  # the book's


def batch_normalization(
    run: Run,
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    eps: float = EPS,
    out: Out = None,
) -> Array:
    arrays = _plain({"x": x, "gamma": gamma, "beta": beta}, of_channels={"mean": mean, "var": var})
    return deliver_one(run(formulas.batch_normalization, *arrays, positive("eps", eps)), out, "y")


def batch_normalization_forward(
    run: Run,
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    *,
    momentum: float = 0.9,
    eps: float = EPS,
    out: Out = None,
) -> tuple[Array, Array, Array, Array, Array]:
    running = {"running_mean": running_mean, "running_var": running_var}
    given = {name: value for name, value in running.items() if value is not None}
    arrays = _plain({"x": x, "gamma": gamma, "beta": beta}, of_channels=given)
    found = dict(zip(given, arrays[3:], strict=True))
    results = run(
        formulas.batch_normalization_forward,
        *arrays[:3],
        *(found.get(name) for name in running),
        probability("momentum", momentum),
        positive("eps", eps),
    )
    y, mean, var, new_mean, new_var = deliver(results, out, ("y", "mean", "var", *running))
    return y, mean, var, new_mean, new_var


def batch_normalization_backward(
    run: Run,
    dout: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    need_dx: bool = True,
    eps: float = EPS,
    out: Out = None,
) -> tuple[Array | None, Array, Array]:
    need_dx = bool(need_dx)  # first, as the kernel has it
    x, dout, gamma, *statistics = _plain(
        {"x": x, "dout": dout, "gamma": gamma}, of_channels={"mean": mean, "var": var}, wide=True
    )
    if not need_dx and isinstance(out, tuple) and len(out) == 3 and isinstance(out[0], np.ndarray):
        raise ValueError("out[0] must be None when need_dx is False: there is no dx to write into it")
    results = run(formulas.batch_normalization_backward, dout, x, gamma, *statistics, need_dx, positive("eps", eps))
    dx, dgamma, dbeta = deliver(results, out, ("dx", "dgamma", "dbeta"))
    return dx, dgamma, dbeta


def _plain(given: dict[str, Any], *, of_channels: dict[str, Any], wide: bool = False) -> list[Array]:
    """The arrays in C order and in the floating dtype that those `given` promote to, once their shapes fit x's.

    Those `of_channels` are read in it too, or, if `wide`, in float64 at least.
    """
    arrays = {name: real(name, value) for name, value in (given | of_channels).items()}
    x, gamma = arrays["x"], arrays["gamma"]
    if x.ndim not in (2, 4):
        raise ValueError(f"x must have shape (N, D) or (N, C, H, W), not {x.shape}")
    lengths = sorted({x.shape[1], math.prod(x.shape[1:])})
    if gamma.ndim != 1 or len(gamma) not in lengths:
        raise ValueError(
            f"gamma of shape {gamma.shape} does not fit x of shape {x.shape}: "
            f"gamma must have shape {' or '.join(f'({length},)' for length in lengths)}"
        )
    for name, array in arrays.items():
        if name not in ("x", "gamma"):
            same_shape(name, array, *(("x", x) if name == "dout" else ("gamma", gamma)))
    dtype = np.exp.resolve_dtypes((np.result_type(*(arrays[name] for name in given)), None))[1]
    own = cast(dtype, *(arrays[name] for name in given))
    others = cast(np.result_type(dtype, np.float64) if wide else dtype, *(arrays[name] for name in of_channels))
    return [np.asarray(array, order="C") for array in (*own, *others)]
