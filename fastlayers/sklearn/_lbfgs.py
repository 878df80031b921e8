"""The solver ``lbfgs``: all samples at once, by SciPy's L-BFGS-B."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .._core.types import Array
from ._finite import check_trained
from ._network import affine_layers, pack
from ._samples import Samples, dense

__all__ = ["train"]


def train(estimator: Any, samples: Samples, *, anew: bool) -> None:
    """Minimise the loss and its penalty; sets `loss_` and `n_iter_`.

    Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization", SIAM Journal on
    Scientific Computing, 1995.
    """
    pack(estimator.network_)
    network = estimator._training_network(anew=anew)
    X, alpha = dense(samples.X), float(estimator.alpha)
    count = len(samples) if samples.weights is None else float(samples.weights.sum())
    layers = affine_layers(network)
    # scikit-learn's order, all weights before all biases: rounding differs by it.
    params = [layer.W for layer in layers] + [layer.b for layer in layers]

    def loss_and_gradient(vector: Array) -> tuple[float, Array]:
        _unpack(vector, params)
        loss, _ = network.gradient(X, samples.targets, samples.weights)
        for layer in layers:
            loss += 0.5 * alpha / count * float(np.vdot(layer.W, layer.W))
        estimator.loss_ = loss
        grads = [layer.dW + alpha / count * layer.W for layer in layers] + [layer.db for layer in layers]
        return loss, _pack(grads)

    def report(_: Array) -> None:
        estimator.n_iter_ += 1
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")

    estimator.n_iter_ = 0
    result = minimize(
        loss_and_gradient,
        _pack(params),
        method="L-BFGS-B",
        jac=True,
        callback=report,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    _unpack(result.x, params)
    estimator.loss_ = float(result.fun)
    estimator.n_iter_ = min(int(result.nit), int(estimator.max_iter))
    arrays = {"parameter weights": params, "gradient": [result.jac]}
    check_trained(estimator.loss_, f"after {result.nit} iterations", arrays)
    if not result.success:
        warnings.warn(
            f"lbfgs failed to converge after {result.nit} iterations: {result.message}. Increase max_iter or scale the "
            "data.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _pack(arrays: list[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays], dtype=np.float64)


def _unpack(vector: Array, arrays: list[Array]) -> None:
    start = 0
    for array in arrays:
        array[...] = vector[start : start + array.size].reshape(array.shape)
        start += array.size
