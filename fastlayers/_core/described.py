"""How layers, losses, optimizers and networks say what they are: ``repr`` of them, which never raises."""

from __future__ import annotations

import inspect
import reprlib
import textwrap
from collections.abc import Iterator

import numpy as np

_SHORT = reprlib.Repr()
_SHORT.maxother = 80
_LINE = 88


class Described:
    """What says its class, its arrays by dtype and shape, and those options that are not at their defaults."""

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_options(self))})"


class DescribedNetwork(Described):
    """Layers and a loss, in one line where it is no long one."""

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        layers, loss = getattr(self, "layers", []), shown(getattr(self, "loss_layer", None))
        each = [*map(shown, layers)] if isinstance(layers, list) else [f"*{shown(layers)}"]
        end = "" if getattr(self, "loss_layer", None) is None else f", {loss}"
        line = f"{type(self).__name__}([{', '.join(each)}]{end})"
        if len(line) <= _LINE:
            return line
        inner = textwrap.indent("".join(f"{layer},\n" for layer in each), " " * 4)
        outer = textwrap.indent(f"[\n{inner}],\n{loss},\n" if end else f"[\n{inner}],\n", " " * 4)
        return f"{type(self).__name__}(\n{outer})"


def shown(value: object) -> str:
    """A value in one short line: an array as ``float32[784,50]``."""
    try:
        if isinstance(value, np.ndarray):
            return f"{value.dtype}[{','.join(map(str, value.shape))}]"
        if isinstance(value, Described):
            return repr(value)
        if type(value).__repr__ is object.__repr__:
            return f"{type(value).__name__}(...)"
        return _SHORT.repr(value)
    except Exception:  # of a value's own making: whoever looks at a layer in a debugger wants to see the rest
        return f"<{type(value).__name__}>"


def _options(thing: object) -> Iterator[str]:
    """What the package's own constructor of a thing takes, as the thing has it now."""
    own = next(
        base
        for base in type(thing).__mro__
        if base.__module__.partition(".")[0] == __name__.partition(".")[0] and "__init__" in vars(base)
    )
    for name, parameter in inspect.signature(own).parameters.items():
        # What has become of a seed is no option any more, and another name of an option is none of its own.
        if name == "rng" or name in getattr(thing, "_aliases", ()):
            continue
        try:
            value = getattr(thing, name, parameter.default)
        except Exception as error:  # of a subclass's own property
            yield f"{name}=<{type(error).__name__}>"
            continue
        default = parameter.default
        if value is not default and (type(value) is not type(default) or value != default):
            yield f"{name}={shown(value)}"
