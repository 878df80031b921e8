"""What the estimators' parameters may be, and what those that take several forms come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ._network import ACTIVATIONS

__all__ = ["CONSTRAINTS", "Parameters", "activations_of", "dropouts_of", "hidden_sizes_of"]

# scikit-learn's own form, so that the messages are those that its users know.
CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), list, tuple],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "callbacks": [list, tuple],
}


@dataclass(eq=False, repr=False)
class Parameters:
    """The parameters of both estimators, as `_documentation` describes them; scikit-learn reads their ``__init__``."""

    _parameter_constraints = CONSTRAINTS

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: Any = 0.0
    callbacks: Any = ()


def hidden_sizes_of(hidden_layer_sizes: Any) -> list[int]:
    """One width for each hidden layer, of a whole number or several."""
    sizes = list(hidden_layer_sizes) if isinstance(hidden_layer_sizes, Iterable) else [hidden_layer_sizes]
    if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be whole numbers > 0, got {sizes}")
    return [int(size) for size in sizes]


def activations_of(activation: str | Iterable[str], hidden: int) -> list[str]:
    """One activation for each hidden layer, of one name or as many as there are; and again the last."""
    names = [activation] * (hidden + 1) if isinstance(activation, str) else list(activation)
    if not isinstance(activation, str):
        if len(names) != hidden:
            raise ValueError(f"activation has {len(names)} names, but there are {hidden} hidden layers: {names}")
        names += names[-1:] or ["identity"]
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activation must be of {', '.join(ACTIVATIONS)}; got {name!r}")
    return names


def dropouts_of(dropout: float | Iterable[float], hidden: int) -> list[float]:
    """One rate for each hidden layer, of one number or as many as there are."""
    rates = list(dropout) if isinstance(dropout, Iterable) else [dropout] * hidden
    if len(rates) != hidden:
        raise ValueError(f"dropout has {len(rates)} rates, but there are {hidden} hidden layers: {rates}")
    if not all(isinstance(rate, Real) and 0 <= rate < 1 for rate in rates):
        raise ValueError(f"dropout must be numbers from 0 to below 1, got {rates}")
    return [float(rate) for rate in rates]
