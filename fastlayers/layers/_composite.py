"""What can be done with several layers as one: copied, moved towards another, kept from being trained."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import typed
from .._core.ties import are_same
from .._core.types import Array
from ..functional.blend import blend
from ._construction import checked_layers, warn_of_several_dtypes
from ._declaration import put_buffers
from ._nested import Nested, leaves, nested_networks
from ._sharing import check_last_run, mark_run
from ._state import reset_state
from ._tied import tie, ties_among

__all__ = ["Composite"]

# What a copy of a stack is better without: it is found again by asking the layers.
_MADE_ANEW = frozenset({"_asked", "_asked_within", "_found", "_has_buffers", "_program", "_ran"})


class Composite(Nested):
    """Layers as one layer, however they feed each other.

    Parameters
    ----------
    layers : iterable of Layer
    """

    _own_token: object = None

    # The layers in the order in which this network's last forward ran them; None before it.
    _ran: list[Any] | None = None

    def __init__(self, layers: Iterable[Any]) -> None:
        self.layers = checked_layers(layers, type(self).__name__)
        warn_of_several_dtypes(self.layers)

    def __call__(self, x: ArrayLike) -> Array:
        """Return ``predict(x)``."""
        return self.predict(x)

    if TYPE_CHECKING:

        def predict(self, x: ArrayLike) -> Array: ...
        def backward(self, dout: ArrayLike, need_dx: bool = True) -> Any: ...

    @property
    def _token(self) -> object:
        """The network's token, by which each layer knows the network that ran its last forward."""
        if self._own_token is None:  # a subclass need not call `__init__`
            object.__setattr__(self, "_own_token", object())
        return self._own_token

    def _remember_run(self) -> None:
        """Remember, after a forward, which layers ran, and mark them as run by this network."""
        mark_run(self.layers, self._token)
        self._remember_order()

    def _remember_order(self) -> None:
        object.__setattr__(self, "_ran", [layer for _, layer in leaves(self.layers)])

    def _check_run(self) -> None:
        """Raise RuntimeError if `backward` would not go back through this network's last forward."""
        there = [layer for _, layer in leaves(self.layers)]
        if self._ran is not None and not are_same(there, self._ran):
            raise RuntimeError(
                "the layers have changed since this network's last forward: call forward again before backward"
            )
        check_last_run(self.layers, {self._token, vars(self).get("_last_run")})

    def _backward_of(self, layer: Any, dout: Any, **need_dx: bool) -> Any:
        """Run backward of one of the layers."""
        if isinstance(layer, Composite):
            return layer._backward_within(self._token, dout, **need_dx)
        return layer.backward(dout, **need_dx)

    def _backward_within(self, run: object, dout: Any, **need_dx: bool) -> Any:
        """Run backward after a forward that the network with the token `run` has run, which contains this one."""
        mark_run(self.layers, self._token)
        try:
            return self.backward(dout, **need_dx)
        finally:
            mark_run(self.layers, run)

    def _accumulate(self, dout: ArrayLike, need_dx: bool) -> Any:
        """Run `backward` and add its gradients to `grads`, which an error leaves unchanged."""
        before = [np.array(grad) for grad in self.grads]
        try:
            dx = self.backward(dout, need_dx)
        except BaseException:
            for grad, old in zip(self.grads, before, strict=True):
                grad[...] = old
            raise
        for grad, old in zip(self.grads, before, strict=True):
            grad += old
        return dx

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a copy has: all but what the layers can be asked for again; and which parameters are one."""
        state = {name: value for name, value in vars(self).items() if name not in _MADE_ANEW}
        ties = ties_among(getattr(self, "layers", ()))
        return {**state, "_ties": ties} if ties else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave, as a network of its own: a shallow copy shares its layers with another."""
        vars(self).update(state)
        run, self._own_token = self._own_token, object()
        layers = vars(self).get("layers", ())
        for layer in (*nested_networks(layers), *(layer for _, layer in leaves(layers))):
            if run is not None and getattr(layer, "_last_run", None) is run:
                vars(layer)["_last_run"] = self._token
        tie(vars(self).get("layers", ()), vars(self).pop("_ties", ()))

    def copy(self) -> Self:
        """A network of its own, with the same numbers: a target network, or what is kept while this one is trained.

        Returns
        -------
        Sequential
            Of copies of all that this one has: its layers with their parameters, options and running statistics, and
            its loss. Parameters that are one array here are one there; what is `frozen` here is frozen there.
        """
        return copy.deepcopy(self)

    def blend(self, other: Nested, tau: float) -> None:
        r"""Move the parameters towards those of another network of the same layers, in place, whether frozen or not.

        Parameters
        ----------
        other : Sequential
            It is left as it is.
        tau : float
            How far: with 1 the parameters become the other's, with 0 nothing changes.

        Raises
        ------
        TypeError
            If `other` is no network, or a parameter is no array of floats.
        ValueError
            If tau is outside of [0, 1], the two have not the same layers with parameters of the same shapes, or one
            cannot be written to. Then nothing is.

        Notes
        -----
        :math:`\theta \leftarrow (1 - \tau)\,\theta + \tau\,\theta'`, which is how a target network follows the one that
        is trained: Lillicrap et al., "Continuous control with deep reinforcement learning", ICLR 2016, algorithm 1. The
        running statistics of batch normalization are moved as well; a network that has none yet gets the other's.

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> net = fl.Sequential([fl.Affine(np.array([[1.0]]), np.array([2.0]))])
        >>> target = net.copy()
        >>> net.layers[0].W[...] = 3.0
        >>> target.blend(net, 0.25)
        >>> target.layers[0].W
        array([[1.5]])
        """
        if not isinstance(other, Nested):
            raise TypeError(f"other must be a network, as Sequential is, not {typed(other)}")
        pairs = [*zip(self._buffers(), other._buffers(), strict=False)]
        both = [(mine, theirs) for (*_, mine), (*_, theirs) in pairs if mine is not None and theirs is not None]
        blend(
            [*self._all_params(), *(mine for mine, _ in both)],
            [*other._all_params(), *(theirs for _, theirs in both)],
            tau,
            lambda: [name for name, _ in self._named_params()],
        )
        put_buffers((layer, name, theirs) for (layer, name, mine), (*_, theirs) in pairs if mine is None)

    def freeze(self) -> Self:
        """Leave all parameters as they are from now on, until `unfreeze`.

        Returns
        -------
        Sequential
            This network.

        Notes
        -----
        This sets ``frozen`` of each layer. A single layer, or a network within this one, can be frozen as well. Frozen
        parameters are not in `params` and `grads`, so an optimizer applies neither its step nor its weight decay to
        them. It keeps their state until they are unfrozen. Gradients pass through: `backward` returns dx as before, and
        affine layers do not compute dW and db, which are half of their work. Everything else is as in training: dropout
        drops, and batch normalization uses the batch and updates its running statistics, as with PyTorch's
        ``requires_grad_(False)``.

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> critic = fl.Sequential([fl.Affine(np.array([[2.0], [3.0]]))]).freeze()
        >>> value = critic.forward(np.array([[1.0, 1.0]]))
        >>> critic.backward(np.ones((1, 1)))  # how the value changes with what it is given
        array([[2., 3.]])
        >>> critic.params
        []
        """
        return self._set_frozen(True)

    def unfreeze(self) -> Self:
        """Have all parameters trained again.

        Returns
        -------
        Sequential
            This network.
        """
        return self._set_frozen(False)

    @property
    def frozen(self) -> bool:
        """Whether every layer is frozen; setting it is `freeze` or `unfreeze`."""
        found = [getattr(layer, "frozen", False) for _, layer in leaves(self.layers)]
        return bool(found) and all(found)

    @frozen.setter
    def frozen(self, value: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._set_frozen(value)

    def _set_frozen(self, value: bool) -> Self:
        for _, layer in leaves(self.layers):
            if getattr(layer, "frozen", False) != value:
                layer.frozen = value
        return self

    def reset_state(self) -> None:
        """Have the next call begin from a zero state: every layer's that keeps one, of networks within this one too."""
        reset_state(self.layers)
