"""Layers that feed each other, which are a layer together.

A stack has the dtype of its parameters, in which its first layer is given the input; and a layer predicts by
``predict``, or by ``forward`` where that is further down the line of inheritance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.types import Array
from ..functional.cast import cast_like
from ._base import OWN, Declared
from ._calling import forward, keep, prediction, takes
from ._declaration import check_declared, grads_of, has_params, named_params, param_names, params_of
from ._program import NOT_MADE, Declining, program_of
from ._shapes import in_pieces, piece_of

__all__ = ["OWN", "Stack", "as_input", "leaves", "prediction"]

# What a copy of a stack is better without: it is found again by asking the layers.
_MADE_ANEW = frozenset({"_asked", "_found", "_program"})


def leaves(layers: Iterable[Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """The layers, and in place of a stack those in it, each with its place: ``2``, or ``2.0`` within a stack."""
    for i, layer in enumerate(layers):
        if isinstance(layer, Stack):
            yield from leaves(layer.layers, f"{of}{i}.")
        else:
            yield f"{of}{i}", layer


class Stack(Declared):
    """Layers that feed each other, as one layer.

    Parameters
    ----------
    layers : iterable of Layer
    """

    layers: list[Any]

    # The layers that were asked for their parameters, and what they said: in a step it need not be asked again.
    _asked: list[Any] | None = None
    _found: list[tuple[int, Any, str, str]] | None = None

    _program: Any  # the layers as one call

    # The gradients that `grads` has handed out, of users' layers that set new ones at each backward.
    _kept: tuple[tuple[Any, str, Array], ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """An object that has no program yet, whether or not a subclass's ``__init__`` calls this class's."""
        stack = super().__new__(cls)
        object.__setattr__(stack, "_program", NOT_MADE)  # its own: what a class has as well is slower to read
        return stack

    def __init__(self, layers: Iterable[Any]) -> None:
        self.layers = list(layers)
        for place, layer in leaves(self.layers):
            check_declared(layer, f"layer {place}")

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a copy has: all but what the layers can be asked for again."""
        return {name: value for name, value in vars(self).items() if name not in _MADE_ANEW}

    def __setattr__(self, name: str, value: Any) -> None:
        """As for any object; a method of its own is no part of a program."""
        object.__setattr__(self, name, value)
        if callable(value):
            object.__setattr__(self, "_program", NOT_MADE)

    def forward(self, x: ArrayLike) -> Array:
        """The last layer's output, in training: each layer keeps what its backward needs."""
        y: Any = self._program.forward(backend.kernels, self.layers, x)
        if y is not NotImplemented or (y := self._in_new_program("forward", x)) is not NotImplemented:
            return y  # type: ignore[no-any-return]
        y = as_input(self.layers, x)
        for layer in self.layers:
            y = layer.forward(y) if type(layer) in OWN else forward(layer, y, is_training=True)
        return y  # type: ignore[no-any-return]  # a user's layer may give anything

    def predict(self, x: ArrayLike, batch_size: int | None = None) -> Array:
        """The last layer's output, where nothing is to be learned: no layer of the package keeps anything.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``, or one sample ``(D,)``.
        batch_size : int, optional
            So many samples at a time pass through the layers. By default all at once, if a layer is your own; else as
            many as keep what lies between the layers small, and at most 1,024.

        Returns
        -------
        ndarray
            ``(N, ...)``, or ``(M,)`` for one sample.
        """
        y: Any = None
        if batch_size is None:
            y = self._program.predict(backend.kernels, self.layers, x)
            if type(y) is np.ndarray:
                return y
            if y is NotImplemented:
                y = self._in_new_program("predict", x)
        if y is None or y is NotImplemented:
            y = in_pieces(self._predict_whole, x, piece_of(leaves(self.layers), x, batch_size))
        return y if type(y) is np.ndarray else np.asarray(y)

    def _predict_whole(self, x: ArrayLike) -> Any:
        """What `predict` gives, of all samples at once."""
        y: Any = self._program.predict(backend.kernels, self.layers, x, True)
        if y is NotImplemented:
            y = as_input(self.layers, x)
            for layer in self.layers:
                y = layer.predict(y) if type(layer) in OWN else prediction(layer, y)
        return y

    def _in_new_program(self, method: str, *args: Any) -> Any:
        """What a program that is made now gives; NotImplemented where there is none."""
        program = self._program
        if type(program) is Declining and program.stands(backend.kernels, self.layers):
            return NotImplemented
        loss = getattr(self, "loss_layer", None)
        program = program_of(self, loss, as_input)
        object.__setattr__(self, "_program", program)
        losses = (loss,) if method in ("gradient", "train_step") else ()
        return getattr(program, method)(backend.kernels, self.layers, *losses, *args)

    def backward(self, dout: ArrayLike, need_dx: bool = True) -> Any:
        """The gradient of the loss with respect to x, given that with respect to the output; parameters' are set.

        Parameters
        ----------
        dout : array_like
            Of the output's shape.
        need_dx : bool, default True
            Without it the result is None, and what is below the first layer with parameters is left out.

        Returns
        -------
        dx : ndarray or None
            Of x's shape.
        """
        dx: Any = self._program.backward(backend.kernels, self.layers, dout, need_dx)
        if dx is not NotImplemented:
            return dx
        dx = dout
        if need_dx:
            for layer in reversed(self.layers):
                dx = layer.backward(dx)
            for kept in self._kept:
                keep(*kept)
            return dx
        first = self._first_with_params()
        if first is not None:
            self._backward_to(first, dout)
        return None

    def _backward_to(self, first: int, dout: Any) -> None:
        """Backward down to the first layer that has parameters; below it no gradient is of use."""
        layers = self.layers
        for layer in layers[:first:-1]:
            dout = layer.backward(dout)
        layer = layers[first]
        if layer._can_leave_out_dx if type(layer) in OWN else takes("need_dx", layer.backward):
            layer.backward(dout, need_dx=False)
        else:
            layer.backward(dout)
        if self._kept:
            for kept in self._kept:
                keep(*kept)

    def _trained(self) -> list[tuple[int, Any, str, str]] | None:
        """Of each parameter that there may be: its layer's place, the layer, and the attributes of it and its gradient.

        None where a layer is a user's own, or a stack, and has to be asked each time.
        """
        if self._asked != self.layers:
            self._asked, self._found = self.layers.copy(), None
            if OWN.issuperset(map(type, self.layers)):
                self._found = [
                    (i, layer, name, f"d{name}") for i, layer in enumerate(self.layers) for name in layer.param_names
                ]
        return self._found

    def _first_with_params(self) -> int | None:
        """The place of the first layer that has anything to train, if there is one."""
        trained = self._trained()
        if trained is None:
            return next((i for i, layer in enumerate(self.layers) if has_params(layer)), None)
        for i, layer, name, _ in trained:
            if getattr(layer, name) is not None:
                return i
        return None

    @property
    def params(self) -> list[Array]:
        """The parameters of each layer, in order: the arrays themselves."""
        trained = self._trained()
        if trained is None:
            return [param for layer in self.layers for param in params_of(layer)]
        return [param for _, layer, name, _ in trained if (param := getattr(layer, name)) is not None]

    @property
    def grads(self) -> list[Array]:
        """The gradients of `params`: from now on every backward writes into these arrays.

        They are those of the last backward, or zeros before the first.
        """
        found: list[Array] = []
        for layer in self.layers:
            names = () if isinstance(layer, Declared) else param_names(layer)
            if isinstance(layer, Declared):
                found += layer.grads
            elif names is None:
                found += grads_of(layer)
            else:
                there = [name for name in names if getattr(layer, name, None) is not None]
                found += [self._handed_out_of(layer, name) for name in there]
        return found

    def _handed_out_of(self, layer: Any, name: str) -> Array:
        """The array for a gradient of a user's layer, which sets a new one at each backward."""
        for other, known, kept in self._kept:
            if other is layer and known == name and kept.shape == getattr(layer, name).shape:
                return kept
        kept = np.zeros_like(getattr(layer, name))
        others = [entry for entry in self._kept if entry[0] is not layer or entry[1] != name]
        self._kept = (*others, (layer, name, kept))
        if getattr(layer, f"d{name}", None) is not None:
            keep(layer, name, kept)
        return kept

    def _named_params(self) -> list[tuple[str, Array]]:
        """The parameters of each layer, with its place before each name: ``0.W``."""
        return [(f"{i}.{name}", param) for i, layer in enumerate(self.layers) for name, param in named_params(layer)]

    def _last_gradients(self) -> list[Array]:
        """What the last backward has left, aligned with `params`: copies of what the next one will write into."""
        trained = self._trained()
        if trained is not None:
            return [
                grad.copy() if layer._handed_out else grad
                for _, layer, _, name in trained
                if (grad := getattr(layer, name)) is not None
            ]
        found: list[Array] = []
        for layer in self.layers:
            if isinstance(layer, Stack):
                found += layer._last_gradients()
            elif isinstance(layer, Declared):
                own = layer._last_gradients()
                found += [gradient.copy() for gradient in own] if layer._handed_out else own
            elif self._kept or param_names(layer) is None:
                found += [np.array(gradient) for gradient in grads_of(layer)]
            else:
                found += grads_of(layer)
        return found


# The input


def as_input(layers: list[Any], x: Any, name: str = "x") -> Any:
    """What the first layer is given for x: x in the dtype of the parameters, where they have one.

    A user's own first layer is given x itself, and so is every one where parameters have several dtypes: these are
    promoted, as NumPy does. A finite number that would become infinite is a ValueError, which calls x by its name.
    """
    y = backend.kernels.as_input(layers, x, OWN)
    return _as_input(layers, x, name) if y is NotImplemented else y


def _as_input(layers: list[Any], x: Any, name: str) -> Any:
    _, first = next(leaves(layers), (None, None))
    param = _parameter(layers) if type(first) in OWN else None
    if param is None or (isinstance(x, np.ndarray) and x.dtype == param.dtype):
        return x
    return cast_like(backend.run, x, param, name)


def _parameter(layers: list[Any]) -> Any:
    """The first parameter, where all of them are arrays of its dtype, a floating one; else None."""
    params = [param for _, layer in leaves(layers) for param in params_of(layer)]
    if not params or not all(isinstance(param, np.ndarray) and param.dtype == params[0].dtype for param in params):
        return None
    return params[0] if params[0].dtype.kind == "f" else None
