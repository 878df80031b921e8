"""The same names as `fastlayers`, bound to the pure-Python path, whatever backend is set.

``fastlayers.reference.Relu`` is `fastlayers.Relu` with the NumPy functions in place of the kernels:
for reading, for checking a result, and for timing one against the other. The mathematics itself
stands in ``fastlayers/formulas``.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import functional, layers, optimizers
from ._core.names import asked_for_missing
from .network import Parallel, Sequential

__all__ = ["Parallel", "Sequential", "clip_grads"]  # of which the first two ask their layers
__all__ += functional.__all__
__all__ += layers.__all__
__all__ += optimizers.__all__

if TYPE_CHECKING:
    from .functional import *  # noqa: F403
    from .layers import *  # noqa: F403
    from .optimizers import *  # noqa: F403
    from .optimizers import clip_grads


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` answered by the reference: the same rule of input, with the reference to run."""
    rule = getattr(sys.modules[function.__module__], f"_{function.__name__}")

    @functools.wraps(function)
    def pure(*args: Any, **kwargs: Any) -> Any:
        try:
            return rule(operator.call, *args, **kwargs)  # which runs the formula that it is given
        except TypeError:
            _check_arguments(function, args, kwargs)
            raise

    pure.__module__ = __name__
    return pure


def _check_arguments(function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Raise TypeError that names the function if it cannot be called with these arguments."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{function.__name__}(): {error}") from None


@functools.cache
def _pure_class(base: type) -> type:
    """A class with what its functions are on the pure path; one that calls none is itself on it.

    So are the classes that it has as attributes, of which it makes its parts.
    """
    found = [(name, inspect.getattr_static(base, name)) for name in dir(base)]
    bound: dict[str, Any] = {
        name: staticmethod(_pure(static.__func__))
        for name, static in found
        if isinstance(static, staticmethod) and static.__func__.__module__.startswith(functional.__name__)
    }
    bound |= {
        name: _pure_class(static)
        for name, static in found
        if isinstance(static, type) and static.__module__.startswith(layers.__name__)
    }
    if issubclass(base, optimizers.Optimizer):
        bound["_pure"] = True
    if not bound:
        return base
    documented = {"__doc__": f"`fastlayers.{base.__name__}` on the pure-Python path.", "__module__": __name__}
    return type(base.__name__, (base,), bound | documented)


if not TYPE_CHECKING:
    __getattr__ = asked_for_missing(__name__)
    # The functions that only layers call, too.
    globals().update({name: _pure(f) for name, f in vars(functional).items() if isinstance(f, FunctionType)})
    globals().update({name: _pure_class(getattr(layers, name)) for name in layers.__all__})
    globals().update({name: _pure_class(getattr(optimizers, name)) for name in optimizers.__all__})
    clip_grads = _pure(optimizers.clip_grads)
