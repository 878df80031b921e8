"""Layers that feed each other, which are a layer together.

A stack has the dtype of its parameters, in which its first layer is given the input; and a layer predicts by
``predict``, or by ``forward`` where that is further down the line of inheritance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.types import Array
from ._base import OWN
from ._calling import forward, prediction, predicts_by_forward, takes
from ._composite import Composite
from ._construction import check_shapes
from ._input import as_gradient, as_input, takes_indices
from ._nested import leaves
from ._program import NOT_MADE, Declining, program_of
from ._shapes import in_pieces, piece_of
from ._sharing import check_distinct

__all__ = ["OWN", "Stack", "as_input", "leaves", "prediction", "takes_indices"]


class Stack(Composite):
    """Layers that feed each other, as one layer.

    Parameters
    ----------
    layers : iterable of Layer
    """

    _program: Any  # the layers as one compiled call, or what declines in its place
    _is_predicting: bool = False  # by a `forward` of a subclass, which may call the package's

    def __init__(self, layers: Iterable[Any]) -> None:
        super().__init__(layers)
        check_shapes(self.layers)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. Other layers, and a method of the object's own, need another program."""
        object.__setattr__(self, name, value)
        if name == "layers" or callable(value):
            # In the object's dictionary alone: an attribute that the class has as well is slower to read.
            object.__setattr__(self, "_program", NOT_MADE)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        super().__setstate__(state)
        object.__setattr__(self, "_program", NOT_MADE)

    def forward(self, x: ArrayLike) -> Array:
        """The last layer's output, in training: each layer keeps what its backward needs."""
        y: Any = self._program.forward(backend.kernels, self.layers, x)
        if y is not NotImplemented or (y := self._in_new_program("forward", x)) is not NotImplemented:
            return y  # type: ignore[no-any-return]
        if self._is_predicting:
            return self._predict_layers(x)  # type: ignore[no-any-return]
        y = as_input(self.layers, x)
        try:
            for layer in self.layers:
                y = layer.forward(y) if type(layer) in OWN else forward(layer, y, is_training=True)
        finally:
            self._remember_run()
        return y  # type: ignore[no-any-return]  # a user's layer may give anything

    def predict(self, x: ArrayLike, batch_size: int | None = None) -> Array:
        """The last layer's output, where nothing is to be learned: none of the package's keeps more than its state.

        Where a recurrent layer is ``stateful``, this call goes on from the state that the last one left, of training or
        of prediction, and leaves its own; where it is not, each call begins from zero and leaves nothing.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``, or one sample ``(D,)``.
        batch_size : int, optional
            So many samples at a time pass through the layers. By default all at once, if a layer is your own; else as
            many as keep what lies between the layers small, and at most 1,024. Where a layer is ``stateful``, whose
            state has a row for each sample, they pass at once whatever this says.

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
            y = in_pieces(self._predict_whole, x, self._piece_of(x, batch_size))
        return y if type(y) is np.ndarray else np.asarray(y)

    def _piece_of(self, x: Any, batch_size: int | None) -> int | None:
        """How many samples of x are to pass at a time; a program keeps what was found of one, to ask no more."""
        piece = piece_of(self.layers, x, batch_size, of_indices=takes_indices(self.layers))
        if batch_size is None and piece is not None and type(self._program) is not Declining:
            self._program.pieces[np.shape(x)[1:]] = piece
        return piece

    def _predict_whole(self, x: ArrayLike) -> Any:
        """What `predict` gives, of all samples at once."""
        if predicts_by_forward(self):
            self._is_predicting = True
            try:
                return forward(self, x, is_training=False)
            finally:
                self._is_predicting = False
        y: Any = self._program.predict(backend.kernels, self.layers, x, True)
        return self._predict_layers(x) if y is NotImplemented else y

    def _predict_layers(self, x: ArrayLike) -> Any:
        """Return the prediction, layer by layer."""
        y: Any = as_input(self.layers, x)
        for layer in self.layers:
            y = layer.predict(y) if type(layer) in OWN else prediction(layer, y)
        return y

    def _in_new_program(self, method: str, *args: Any) -> Any:
        """What a program that is made now gives; NotImplemented where there is none."""
        program = self._program
        if type(program) is Declining and program.stands(backend.kernels, self.layers):
            return NotImplemented
        check_distinct(self.layers)
        if method == "forward":
            self._remember_run()
        elif method != "predict":
            self._remember_order()
        loss = getattr(self, "loss_layer", None)
        program = program_of(self, loss, None if takes_indices(self.layers) else as_input)
        object.__setattr__(self, "_program", program)
        losses = (loss,) if method in ("gradient", "train_step") else ()
        return getattr(program, method)(backend.kernels, self.layers, *losses, *args)

    def backward(self, dout: ArrayLike, need_dx: bool = True, accumulate: bool = False) -> Any:
        """Compute the gradient of the loss with respect to x, and those of the parameters, from that of the output.

        Parameters
        ----------
        dout : array_like
            Of the output's shape.
        need_dx : bool, default True
            Without it the result is None, and what is below the first layer with parameters is left out.
        accumulate : bool, default False
            Whether the gradients of the parameters are added to `grads` instead of replacing them.

        Returns
        -------
        dx : ndarray or None
            Of x's shape.

        Raises
        ------
        RuntimeError
            Before `forward`, or if another network has run one of the layers since this network's last `forward`.
        """
        if accumulate:
            return self._accumulate(dout, need_dx)
        dx: Any = self._program.backward(backend.kernels, self.layers, dout, need_dx)
        if dx is not NotImplemented:
            return dx
        self._check_run()
        dx = as_gradient(self.layers, dout)
        if need_dx:
            for layer in reversed(self.layers):
                dx = self._backward_of(layer, dx)
                if dx is None and (isinstance(layer, Composite) or getattr(layer, "takes_indices", False)):
                    break  # what stands before it gives indices, which have no gradient
        else:
            self._backward_to(self._first_with_params(), dx)
            dx = None
        self._write_handed_out()
        return dx

    def _backward_to(self, first: int | None, dout: Any) -> None:
        """Run backward down to the first layer that has parameters; no gradient is needed below it."""
        if first is None:
            return
        layers = self.layers
        for layer in layers[:first:-1]:
            dout = self._backward_of(layer, dout)
        layer = layers[first]
        if layer._can_leave_out_dx if type(layer) in OWN else takes("need_dx", layer.backward):
            self._backward_of(layer, dout, need_dx=False)
        else:
            self._backward_of(layer, dout)
