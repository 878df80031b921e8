"""What becomes of recurrent layers in a C file: one step, from and to what remains of the last in a struct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import c_functions as functions
from .c_source import Numbers, Source


def rnn(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """``h = tanh(x Wx + h Wh + b)``."""
    h, _, size = _kept(source, step)
    sums = _sums(source, step, x, h, size)
    source.add(f"for (int j = 0; j < {size}; j++) {y['j']} = {h['j']} = tanh@({sums['j']});")
    source.give_back(sums)


def lstm(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """``c = f c + g i``, ``h = o tanh(c)``."""
    h, c, size = _kept(source, step, "c")
    sums = _sums(source, step, x, h, 4 * size)
    sigmoid = source.use("sigmoid", functions.SIGMOID)
    f, g, i, o = (sums[f"{size * gate} + j"] for gate in range(4))
    source.add(f"""
        for (int j = 0; j < {size}; j++) {{
            {c["j"]} = {sigmoid}({f}) * {c["j"]} + tanh@({g}) * {sigmoid}({i});
            {y["j"]} = {h["j"]} = {sigmoid}({o}) * tanh@({c["j"]});
        }}
    """)
    source.give_back(sums)


def gru(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """``h = (1 - z) h + z tanh(x Wxh + (r h) Whh + bh)``."""
    h, _, size = _kept(source, step)
    sums = _sums(source, step, x, h, 3 * size, of_h=2 * size)
    sigmoid = source.use("sigmoid", functions.SIGMOID)
    Wh = source.hold(step.named("Wh"), step.own["Wh"])
    r, candidate = (f"{size * gate} + j" for gate in (1, 2))
    source.add(f"""
        for (int j = 0; j < {size}; j++) {sums[r]} = {sigmoid}({sums[r]}) * {h["j"]};
        for (int i = 0; i < {size}; i++) {{
            const REAL v = {sums[f"{size} + i"]};
            for (int j = 0; j < {size}; j++) {sums[candidate]} += v * {Wh}[i][{2 * size} + j];
        }}
        for (int j = 0; j < {size}; j++) {{
            const REAL z = {sigmoid}({sums["j"]});
            {y["j"]} = {h["j"]} = (1 - z) * {h["j"]} + z * tanh@({sums[candidate]});
        }}
    """)
    source.give_back(sums)


def _kept(source: Source, step: Any, *others: str) -> Sequence[Any]:
    """H, another that remains, and how many numbers each has."""
    size = len(step.own["Wh"])
    h, *rest = (source.keep(f"{name}_{step.place.replace('.', '_')}", size) for name in ("h", *others))
    return h, rest[0] if rest else None, size


def _sums(source: Source, step: Any, x: Numbers, h: Numbers, width: int, of_h: int | None = None) -> Numbers:
    """``x Wx + h Wh + b``, of h no more than the first `of_h` of them."""
    b, Wx, Wh = (source.hold(step.named(name), step.own[name]) for name in ("b", "Wx", "Wh"))
    sums = source.take(width)
    source.add(f"for (int j = 0; j < {width}; j++) {sums['j']} = {b}[j];")
    for values, W, rows, columns in (
        (x, Wx, len(step.own["Wx"]), width),
        (h, Wh, len(step.own["Wh"]), width if of_h is None else of_h),
    ):
        source.add(f"""
            for (int i = 0; i < {rows}; i++) {{
                const REAL v = {values["i"]};
                for (int j = 0; j < {columns}; j++) {sums["j"]} += v * {W}[i][j];
            }}
        """)
    return sums
