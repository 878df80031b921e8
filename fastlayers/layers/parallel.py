"""Layers side by side, which are given the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.described import DescribedNetwork
from .._core.types import Array, Shape
from ._base import no_forward
from ._calling import forward, prediction, takes
from ._composite import Composite
from ._construction import asks_for_brackets, check_shapes
from ._declaration import named_trained
from ._input import as_gradient, as_input
from ._nested import chain
from ._shapes import flops_of, shapes_through
from ._sharing import check_distinct

__all__ = ["Parallel"]


class Parallel(DescribedNetwork, Composite):
    r"""Layers that are all given the same x; what they give stands side by side along the last axis.

    So heads share a trunk, as a policy and a value do, and twin critics judge the same action.

    Parameters
    ----------
    layers : iterable of Layer
        One or more, each a layer or a `Sequential`; an empty `Sequential` hands x on. Their outputs must have the same
        shape but for the last axis.

    Attributes
    ----------
    layers : list
        The argument.

    Raises
    ------
    ValueError
        If there is no layer.

    Notes
    -----
    Forward: :math:`y = (f_1(x), \dots, f_k(x))`. Backward, with :math:`dout = (dout_1, \dots, dout_k)`, each as wide
    as what that layer gives: :math:`\partial L / \partial x` is the sum of what the layers' backwards make of them,
    since x goes into each. As a `Sequential` it casts x to the dtype of its parameters; and within a network that runs
    as one call it is part of that call.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> policy, value = fl.Affine(np.ones((2, 3))), fl.Affine(np.full((2, 1), 10.0))
    >>> heads = fl.Parallel([policy, value])
    >>> net = fl.Sequential([fl.Relu(), heads])
    >>> y = net.forward(np.array([[1.0, 2.0], [-3.0, 4.0]]))
    >>> y
    array([[ 3.,  3.,  3., 30.],
           [ 4.,  4.,  4., 40.]])
    >>> scores, values = heads.split(y)
    >>> values
    array([[30.],
           [40.]])
    >>> net.backward(np.ones((2, 4)))
    array([[13., 13.],
           [ 0., 13.]])
    """

    is_parallel: ClassVar[bool] = True

    @asks_for_brackets
    def __init__(self, layers: Iterable[Any]) -> None:
        super().__init__(layers)
        if not self.layers:
            raise ValueError("Parallel needs one layer or more, and was given none")
        for layer in self.layers:
            check_shapes([layer])
        self._widths: tuple[int, ...] | None = None  # of the outputs of the last forward

    def forward(self, x: ArrayLike) -> Array:
        """What all layers give in training, side by side."""
        check_distinct(self.layers)
        x = as_input([self], x)
        try:
            return self._joined([forward(layer, x, is_training=True) for layer in self.layers])
        finally:
            self._remember_run()

    def predict(self, x: ArrayLike) -> Array:
        """What all layers predict, side by side."""
        x = as_input([self], x)
        return self._joined([prediction(layer, x) for layer in self.layers], keeps=False)

    def backward(self, dout: ArrayLike, need_dx: bool = True, accumulate: bool = False) -> Any:
        """Compute the gradient with respect to x, and those of the parameters.

        Parameters
        ----------
        dout : array_like
            Of the output's shape.
        need_dx : bool, default True
            Without it the result is None, and what is below a layer's first parameter is left out.
        accumulate : bool, default False
            Whether the gradients of the parameters are added to `grads` instead of replacing them.

        Returns
        -------
        dx : ndarray or None
            Of x's shape; None too where all layers are given indices.

        Raises
        ------
        RuntimeError
            Before `forward`, or if another network has run one of the layers since this network's last `forward`.
        """
        if accumulate:
            return self._accumulate(dout, need_dx)
        if self._widths is None:
            raise no_forward(self)
        self._check_run()
        dx: Any = None
        dout = as_gradient([self], dout)
        arguments.check_unmasked("dout", dout)
        for layer, part in zip(self.layers, self.split(dout), strict=True):
            part = part.copy()  # side by side no one's rows are contiguous
            if need_dx:
                found = self._backward_of(layer, part)
                if found is not None:
                    dx = found if dx is None else dx + found
            elif named_trained(layer):
                self._backward_of(layer, part, **({"need_dx": False} if takes("need_dx", layer.backward) else {}))
        self._write_handed_out()
        return dx

    def split(self, y: ArrayLike) -> tuple[Array, ...]:
        """An output, or its gradient, as that of each layer: views.

        Parameters
        ----------
        y : array_like
            As forward or predict gave it, of any batch.

        Returns
        -------
        tuple of ndarray
            One for each layer.

        Raises
        ------
        RuntimeError
            Before a forward, where the layers' parameters do not tell how wide each output is.
        ValueError
            If y has another width.
        """
        widths = self._widths or self._widths_by_parameters()
        if widths is None:
            raise RuntimeError("Parallel.split was called before forward: it is not known yet how wide each output is")
        y = np.asarray(y)
        if y.ndim == 0 or y.shape[-1] != sum(widths):
            raise ValueError(
                f"an output or gradient of shape {y.shape} does not fit the layers' outputs of widths {widths}: "
                f"its last axis must be {sum(widths)}"
            )
        return tuple(np.split(y, np.cumsum(widths)[:-1], axis=-1))

    def _widths_by_parameters(self) -> tuple[int, ...] | None:
        shapes = [self._through(layer, i, None) for i, layer in enumerate(self.layers)]
        widths = [shape[-1] for shape in shapes if shape]
        return (
            None
            if len(widths) < len(shapes) or None in widths
            else tuple(width for width in widths if width is not None)
        )

    def _joined(self, ys: list[Any], keeps: bool = True) -> Array:
        arrays = [np.asarray(y) for y in ys]
        for i, y in enumerate(arrays):
            if y.ndim == 0 or y.shape[:-1] != arrays[0].shape[:-1]:
                raise ValueError(
                    f"layer {i} of Parallel gives shape {y.shape} and layer 0 {arrays[0].shape}: they must be alike "
                    "but for the last axis"
                )
        if keeps:
            self._widths = tuple(y.shape[-1] for y in arrays)
        return np.concatenate(arrays, axis=-1)

    def _output_shape(self, shape: Shape) -> Shape:
        """As wide as all together; ValueError unless they are alike but for the last axis."""
        found = [self._through(layer, i, shape) for i, layer in enumerate(self.layers)]
        if any(each is None for each in found):
            return None
        known: list[tuple[int | None, ...]] = [each for each in found if each is not None]
        for i, each in enumerate(known):
            if not each or each[:-1] != known[0][:-1]:
                raise ValueError(
                    f"gives {each} by its layer {i}, but {known[0]} by layer 0, for a sample of shape {shape}"
                )
        widths = [each[-1] for each in known]
        return (*known[0][:-1], None if None in widths else sum(width for width in widths if width is not None))

    @staticmethod
    def _through(layer: Any, i: int, shape: Shape) -> Shape:
        try:
            shapes = shapes_through(chain([layer]), shape)
        except ValueError as error:
            raise ValueError(f"has, as its {str(error).replace('layer 0', f'layer {i}', 1)}") from None
        return shapes[-1] if shapes else shape

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int | None:
        """Those of all layers."""
        each: list[int | None] = []
        for layer in self.layers:
            found = [*chain([layer])]
            shapes: list[Shape] = [inputs, *shapes_through(found, inputs)]
            each += [flops_of(inner, *shapes[i : i + 2]) for i, (_, inner) in enumerate(found)]
        return None if None in each else sum(flops for flops in each if flops is not None)
