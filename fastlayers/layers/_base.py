"""What a layer says of itself, once: its parameters, its buffers, its options; and the lists that follow from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .._core.described import Described
from .._core.options import Option
from .._core.types import Array, Shape

# The layers' classes of this package, and none that a user derives from one; and those of them that take no indices.
OWN: set[type] = set()
OF_NUMBERS: set[type] = set()


class Declared(Described):
    """A layer or loss of this package, which names its parameters, buffers and options.

    Attributes
    ----------
    param_names : tuple of str
        The attributes that are trained, in order; the gradient of ``W`` is ``dW``. One that is None is not there.
    buffer_names : tuple of str
        The attributes with arrays that are not trained but belong to a trained layer, such as running means: they
        are saved, restored and sent to other processes. One that is None is not there yet.
    options : mapping of str to Option
        The constructor's other arguments that a file keeps.
    takes_indices : bool
        Whether forward is given integers, such as the numbers of words, which are not to be cast to floats.
    is_network : bool
        Whether it is made of layers, as `Sequential` is.
    frozen : bool, default False
        Whether the parameters stay as they are: `params` and `grads` are empty then. Setting it is `freeze` or
        `unfreeze`.
    """

    param_names: ClassVar[tuple[str, ...]] = ()
    buffer_names: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, Option]] = {}
    takes_indices: ClassVar[bool] = False
    is_network: ClassVar[bool] = False
    _frozen: bool = False

    # The call of `fastlayers.initializers` that makes the parameters, with capital letters for the sizes.
    _initializer: ClassVar[str] = ""

    # Other names of options, which a constructor takes too, and files of earlier versions have.
    _aliases: ClassVar[Mapping[str, str]] = {}

    # The gradients that `grads` has handed out, by their parameter's name.
    _handed_out: Mapping[str, Array] = {}
    _set_aside: Mapping[str, Array] = {}  # those of a frozen layer, until it is unfrozen

    def _set_options(self, **given: Any) -> None:
        """Set options; one that is its class's default is left to the class, where a step need not read it again."""
        for name, value in given.items():
            default = getattr(type(self), name)
            if value is not default and (type(value) is not type(default) or value != default):
                setattr(self, name, value)

    @property
    def frozen(self) -> bool:
        """Whether the parameters stay as they are."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        # An optimizer may be given lists from before: what they hold is zero while the layer is frozen.
        if value and not self._frozen:
            for gradient in self._handed_out.values():
                gradient[...] = 0
            self._set_aside, self._handed_out = self._handed_out, {}
        elif self._frozen and not value:
            self._set_aside, self._handed_out = {}, self._set_aside
        self._frozen = value

    def freeze(self) -> Self:
        """Keep the parameters as they are from now on, until `unfreeze`.

        Returns
        -------
        Layer
            This layer.

        Notes
        -----
        `params` and `grads` are empty, and `grads` arrays that were handed out before are zero. `backward` still gives
        dx. An optimizer keeps what it knows of the parameters until they are unfrozen.
        """
        self.frozen = True
        return self

    def unfreeze(self) -> Self:
        """Have the parameters trained again.

        Returns
        -------
        Layer
            This layer.
        """
        self.frozen = False
        return self

    @property
    def params(self) -> list[Array]:
        """The parameters that are trained, in order: the arrays themselves.

        A subclass may assign lists `params` and `grads` of its own, which replace those that follow from `param_names`.
        """
        if has_lists(self):
            return [] if self.frozen else assigned(self, "params")
        return [param for _, param in self._named_trained()]

    @params.setter
    def params(self, value: list[Array]) -> None:
        self._assign("params", value)

    def _assign(self, name: str, value: list[Array]) -> None:
        """Set `params` or `grads` of a subclass's object; AttributeError for a class of this package."""
        kind = type(self)
        if _package_defines(kind):
            raise AttributeError(f"{name} of {kind.__name__} cannot be assigned: only those of a subclass can")
        vars(self)[name] = value

    def _named_params(self) -> list[tuple[str, Array]]:
        """The parameters, each with its name, whether frozen or not."""
        found = [(name, getattr(self, name)) for name in self.param_names]
        return [(name, param) for name, param in found if param is not None]

    def _named_trained(self) -> list[tuple[str, Array]]:
        """The parameters that are trained, each with its name."""
        return [] if self.frozen else self._named_params()

    def _last_gradients(self) -> list[Array]:
        """What the last backward has left, aligned with `params`."""
        return [getattr(self, f"d{name}") for name, _ in self._named_trained()]

    @property
    def grads(self) -> list[Array]:
        """The gradients of `params`: from now on every backward writes into these arrays.

        They are those of the last backward, or zeros before the first.
        """
        if has_lists(self):
            return [] if self.frozen else assigned(self, "grads")
        if self.frozen or not self.param_names:
            return []
        kept = dict(self._handed_out)
        names = [name for name in self.param_names if getattr(self, name) is not None]
        for name in names:
            param, last = np.asarray(getattr(self, name)), getattr(self, f"d{name}")
            if not fits(kept.get(name), param):
                kept[name] = last if fits(last, param) else np.zeros(param.shape, _dtype_of_gradient(param))
                if last is not None and last is not kept[name] and last.shape == param.shape:
                    kept[name][...] = last
        self._handed_out = {name: kept[name] for name in names}
        self._set_gradients(**self._handed_out)
        return [*self._handed_out.values()]

    @grads.setter
    def grads(self, value: list[Array]) -> None:
        self._assign("grads", value)

    def _set_gradients(self, **gradients: Array | None) -> None:
        """Set each gradient, by its parameter's name; what was handed out by `grads` is written into."""
        for name, gradient in gradients.items():
            kept = self._handed_out.get(name)
            if gradient is not None and kept is not None and kept is not gradient and fits(kept, getattr(self, name)):
                np.copyto(kept, gradient, casting="same_kind")
                gradient = kept
            setattr(self, f"d{name}", gradient)


def has_lists(layer: Any) -> bool:
    """Return whether a subclass has assigned lists `params` and `grads`, which replace its class's declaration."""
    return "params" in vars(layer) or "grads" in vars(layer)


def assigned(layer: Any, name: str) -> list[Array]:
    """Return the list `params` or `grads` that a subclass has assigned.

    Raises
    ------
    AttributeError
        If it has assigned the other one only.
    """
    if name not in vars(layer):
        other = "grads" if name == "params" else "params"
        raise AttributeError(f"{type(layer).__name__} has assigned {other} and not {name}: assign both")
    found: list[Array] = vars(layer)[name]
    return found


def replaces_lists(layer: Any) -> bool:
    """Return whether `params` or `grads` of a layer of this package are a subclass's own, assigned or overridden."""
    kind = type(layer)
    return has_lists(layer) or any(
        not _package_defines(next(base for base in kind.__mro__ if name in vars(base))) for name in ("params", "grads")
    )


def _package_defines(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _dtype_of_gradient(param: Any) -> np.dtype[Any]:
    """The parameter's own; of one that is of integers, which no optimizer updates, float64."""
    return param.dtype if param.dtype.kind == "f" else np.dtype(np.float64)


def fits(gradient: object, param: Any) -> bool:
    """Whether a gradient can be kept as that of a parameter."""
    return (
        type(gradient) is np.ndarray
        and gradient.shape == param.shape
        and gradient.dtype == _dtype_of_gradient(param)
        and gradient.flags.writeable
    )


class LayerBase(Declared):
    """A layer of this package's own: to a type checker, what unlike layers in one list are."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if _package_defines(cls):
            OWN.add(cls)
            if not cls.takes_indices:
                OF_NUMBERS.add(cls)

    if TYPE_CHECKING:

        def forward(self, x: ArrayLike, /) -> Array: ...
        def predict(self, x: ArrayLike, /) -> Array: ...
        def backward(self, dout: ArrayLike, /) -> Array: ...

    # What forward keeps for backward, by which `_program` runs a layer: "mask", "out" or "x" of a function of each
    # number, whose kernels are given arrays, options and memory; "affine", "steps", "convolution", "pooling", or
    # "shape" where it gives the same numbers in another; None where only its methods know.
    _keeps: ClassVar[str | None] = None

    # The attribute with the indices of the rows outside which the gradients of the last backward are zero.
    _indices_of_rows: ClassVar[str | None] = None

    # Whether backward takes need_dx, and without it leaves dx out.
    _can_leave_out_dx: ClassVar[bool] = False

    def _write_gradients_into(self, arrays: Sequence[Array]) -> None:
        """Have every backward write into these arrays, one of each parameter's shape and dtype, in order."""
        names = [name for name in self.param_names if getattr(self, name) is not None]
        self._handed_out = dict(zip(names, arrays, strict=True))

    @property
    def _sample_size(self) -> int | None:
        """How many numbers the parameters take a sample to have, where they take no other."""
        return None

    def _output_shape(self, shape: Shape) -> Shape:
        """What goes out for a sample, once the parameters are seen to fit each other and what comes in.

        Parameters
        ----------
        shape : tuple of (int or None) or None
            Of the sample that comes in, without the batch, as far as it is known.

        Returns
        -------
        tuple of (int or None) or None

        Raises
        ------
        ValueError
            If they do not fit; the message goes on from the layer's name.
        """
        return shape

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """The floating-point operations of a prediction of one sample: one for each number, where it is of each."""
        return math.prod(outputs)


def size_of(shape: Shape) -> int | None:
    """How many numbers a sample of this shape has; None where that is not known."""
    if shape is None or None in shape:
        return None
    return math.prod(size for size in shape if size is not None)


def no_forward(layer: object) -> RuntimeError:
    """What a layer that has no state yet says."""
    return RuntimeError(
        f"{type(layer).__name__}.backward was called before forward: there is nothing to go back through"
    )
