"""What a stack of layers has to train: its layers' parameters and their gradients, and those of stacks in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._core.types import Array, Shape
from ._base import OWN, Declared, assigned, has_lists, replaces_lists
from ._calling import keep
from ._declaration import (
    buffers_of,
    grads_of,
    is_declared,
    named_params,
    named_trained,
    param_names,
    params_of,
)

__all__ = ["Nested", "chain", "leaves", "nested_networks"]


def leaves(layers: Iterable[Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """The layers, and in place of a stack those in it, each with its place: ``2``, or ``2.0`` within a stack."""
    for i, layer in enumerate(layers):
        if isinstance(layer, Nested):
            yield from leaves(layer.layers, f"{of}{i}.")
        else:
            yield f"{of}{i}", layer


def chain(layers: Iterable[Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """The layers that feed each other: as `leaves`, but a `Parallel` is one of them."""
    for i, layer in enumerate(layers):
        if isinstance(layer, Nested) and not layer.is_parallel:
            yield from chain(layer.layers, f"{of}{i}.")
        else:
            yield f"{of}{i}", layer


def nested_networks(layers: Iterable[Any]) -> Iterator[Nested]:
    """Iterate over the networks among the layers, and those within them."""
    for layer in layers:
        if isinstance(layer, Nested):
            yield layer
            yield from nested_networks(layer.layers)


class Nested(Declared):
    """Layers as one that has what they have to train."""

    layers: list[Any]
    is_network: ClassVar[bool] = True
    is_parallel: ClassVar[bool] = False  # whether all are given the same, or each what the one before it gives

    # The layers that were asked for their parameters, and what they said: in a step it need not be asked again.
    _asked: list[Any] | None = None
    _asked_within: Sequence[tuple[Nested, list[Any]]] = ()  # and those of networks among them
    _found: list[tuple[int, Any, str, str]] | None = None
    _has_buffers: bool = False  # any of these

    # The gradients that `grads` has handed out, of users' layers that set new ones at each backward.
    _kept: tuple[tuple[Any, str, Array], ...] = ()

    def _trained(self) -> list[tuple[int, Any, str, str]] | None:
        """Of each parameter that there may be: the place here, its layer, and the attributes of it and its gradient.

        None where a layer is a user's own, and has to be asked each time.
        """
        if self._asked != self.layers or (
            self._asked_within and any(inner.layers != asked for inner, asked in self._asked_within)
        ):
            within: list[tuple[Nested, list[Any]]] = []
            self._found = [*self._look(within)] if self._is_plain() else None
            self._has_buffers = any(layer.buffer_names for _, layer, *_ in self._found or ())
            self._asked, self._asked_within = self.layers.copy(), within
        return self._found

    def _is_plain(self) -> bool:
        """Whether all layers are the package's own, and networks among them have no lists of their own."""
        return not replaces_lists(self) and all(
            layer._is_plain() if isinstance(layer, Nested) else type(layer) in OWN for layer in self.layers
        )

    def _look(self, within: list[tuple[Nested, list[Any]]]) -> Iterator[tuple[int, Any, str, str]]:
        """What `_trained` gives; networks among the layers, with theirs, go into `within`."""
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Nested):
                within.append((layer, layer.layers.copy()))
                yield from ((i, inner, name, of_gradient) for _, inner, name, of_gradient in layer._look(within))
            else:
                yield from ((i, layer, name, f"d{name}") for name in layer.param_names)

    def _first_with_params(self) -> int | None:
        """The place of the first layer that has anything to train, if there is one."""
        trained = self._trained()
        if trained is None:
            return next((i for i, layer in enumerate(self.layers) if named_trained(layer)), None)
        for i, layer, name, _ in trained:
            if not layer.frozen and getattr(layer, name) is not None:
                return i
        return None

    @property
    def params(self) -> list[Array]:
        """The parameters of each layer that is not frozen, in order: the arrays themselves.

        A subclass may assign lists `params` and `grads` of its own, which replace these.
        """
        if has_lists(self):
            return self._unfrozen("params")
        trained = self._trained()
        if trained is None:
            return [param for _, param in self._named_trained()]
        return [
            param for _, layer, name, _ in trained if not layer.frozen and (param := getattr(layer, name)) is not None
        ]

    @params.setter
    def params(self, value: list[Array]) -> None:
        self._assign("params", value)

    @property
    def grads(self) -> list[Array]:
        """The gradients of `params`: from now on every backward writes into these arrays.

        They are those of the last backward, or zeros before the first.
        """
        if has_lists(self):
            return self._unfrozen("grads")
        found = self._handed_out_before()
        if found is not None:
            return found
        found = []
        for layer in self.layers:
            names = param_names(layer)
            if isinstance(layer, Declared) and names is not None:
                found += layer.grads
            elif getattr(layer, "frozen", False):
                continue
            elif names is None:
                found += grads_of(layer)
            else:
                there = [name for name in names if getattr(layer, name, None) is not None]
                found += [self._handed_out_of(layer, name) for name in there]
        return found

    @grads.setter
    def grads(self, value: list[Array]) -> None:
        self._assign("grads", value)

    def _unfrozen(self, name: str) -> list[Array]:
        """Return a list that a subclass has assigned, without the entries of parameters of frozen layers."""
        frozen = [layer for _, layer in leaves(self.layers) if getattr(layer, "frozen", False)]
        if not frozen:
            return assigned(self, name)
        skipped = {id(param) for layer in frozen for param in params_of(layer)}
        pairs = zip(assigned(self, name), assigned(self, "params"), strict=True)
        return [array for array, param in pairs if id(param) not in skipped]

    def _handed_out_before(self) -> list[Array] | None:
        """What `grads` gave, if nothing has changed: asked for at every step it is to take no time."""
        found: list[Array] = []
        for _, layer, name, of_gradient in self._trained() or ():
            param = None if layer.frozen else getattr(layer, name)
            if param is None:
                continue
            grad = layer._handed_out.get(name)
            if grad is not getattr(layer, of_gradient) or grad is None:
                return None
            if grad.shape != param.shape or grad.dtype != param.dtype:
                return None
            found.append(grad)
        return found or None

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

    def _write_handed_out(self) -> None:
        """Write the gradients of users' layers, after a backward, into the arrays that `grads` has handed out.

        Those of a frozen layer become zero.
        """
        there = {*map(id, self.layers)}
        for layer, name, kept in self._kept:
            if getattr(layer, "frozen", False):
                kept[...] = 0
            elif id(layer) in there:  # of one that is here no more, backward may not have been called
                keep(layer, name, kept)
        if self._trained() is None:
            for layer in self.layers:
                if getattr(layer, "frozen", False) and param_names(layer) is None:
                    for grad in layer.grads:
                        grad[...] = 0

    if TYPE_CHECKING:  # of those that are parallel

        def _output_shape(self, shape: Shape) -> Shape: ...
        def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int | None: ...

    def _all_params(self) -> list[Array]:
        """The parameters of each layer, whether frozen or not."""
        trained = self._trained()
        if trained is None:
            return [param for _, param in self._named_params()]
        return [param for _, layer, name, _ in trained if (param := getattr(layer, name)) is not None]

    def _buffers(self) -> list[tuple[Any, str, Any]]:
        """What `buffers_of` gives of the layers, and of those of stacks among them."""
        if self._trained() is not None and not self._has_buffers:
            return []
        return [*buffers_of(layer for _, layer in leaves(self.layers))]

    def _named_params(self) -> list[tuple[str, Array]]:
        """The parameters of each layer, with its place before each name: ``0.W``."""
        return [(f"{i}.{name}", param) for i, layer in enumerate(self.layers) for name, param in named_params(layer)]

    def _named_trained(self) -> list[tuple[str, Array]]:
        """The same of layers that are not frozen."""
        return [(f"{i}.{name}", param) for i, layer in enumerate(self.layers) for name, param in named_trained(layer)]

    def _last_gradients(self) -> list[Array]:
        """What the last backward has left, aligned with `params`: copies of what the next one will write into."""
        if replaces_lists(self):
            return [np.array(grad) for grad in self.grads]
        trained = self._trained()
        if trained is not None:
            return [
                grad.copy() if layer._handed_out else grad
                for _, layer, _, name in trained
                if not layer.frozen and (grad := getattr(layer, name)) is not None
            ]
        found: list[Array] = []
        for layer in self.layers:
            if isinstance(layer, Nested):
                found += layer._last_gradients()
            elif is_declared(layer):
                own = layer._last_gradients()
                found += [gradient.copy() for gradient in own] if layer._handed_out else own
            elif self._kept or param_names(layer) is None:  # of a frozen one there are none
                found += [np.array(gradient) for gradient in grads_of(layer)]
            else:
                found += grads_of(layer)
        return found
