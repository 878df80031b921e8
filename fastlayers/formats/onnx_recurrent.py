"""What becomes of recurrent layers in an ONNX graph.

RNN, GRU and LSTM are operators, which go through sequences that are ``(T, N, D)``. Runtimes lack them in float64: there
a Scan goes through the steps, with the body of one of them. A layer with a state of its own has it as inputs, each
``(N, H)``, and 0 if it is not given, and what becomes of it as outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._core.types import Array
from .onnx_nodes import Node, Steps, steps

# Of each operator its gates, in its order, as places in ours: f g i o of an LSTM, z r and the candidate of a GRU.
_GATES: Mapping[str, Sequence[int]] = {"RNN": (0,), "GRU": (0, 1, 2), "LSTM": (2, 3, 0, 1)}
# One step, from the gates' sums x of what comes in, and from h and c.
_STEP: Mapping[str, Steps] = {
    "RNN": steps("of_h = MatMul h Wh; sum = Add x of_h; next_h = Tanh sum; y = Identity next_h"),
    "GRU": steps(
        "x_z x_r x_candidate = Split x; h_z = MatMul h Wz; h_r = MatMul h Wr; sum_z = Add x_z h_z; sum_r = Add x_r h_r;"
        "z = Sigmoid sum_z; r = Sigmoid sum_r; reset = Mul r h; h_candidate = MatMul reset Wh;"
        "sum = Add x_candidate h_candidate; candidate = Tanh sum; change = Sub candidate h; part = Mul z change;"
        "next_h = Add h part; y = Identity next_h"
    ),
    "LSTM": steps(
        "of_h = MatMul h Wh; sum = Add x of_h; sum_f sum_g sum_i sum_o = Split sum; f = Sigmoid sum_f; g = Tanh sum_g;"
        "i = Sigmoid sum_i; o = Sigmoid sum_o; old = Mul f c; new = Mul g i; next_c = Add old new; out = Tanh next_c;"
        "next_h = Mul o out; y = Identity next_h"
    ),
}


def recurrent(operator: str, *layers: str) -> Callable[[Any, Node], None]:
    """A layer of one direction, or of those of its layers, of which the second goes from the last step to the first.

    Parameters
    ----------
    operator : {"RNN", "GRU", "LSTM"}
    *layers : str
        The names of its layers.
    """

    def add(graph: Any, node: Node) -> None:
        numbers = [str(i + 1) for i in range(len(layers))] or [""]
        cells = [[node.own[f"{name}{number}"] for name in ("Wx", "Wh", "b")] for number in numbers]
        names = [f"{node.place}.{layer}" for layer in layers] or [node.place]
        (_by_scan if node.dtype == "float64" else _by_operator)(graph, node, operator, cells, names)

    return add


def _by_operator(graph: Any, node: Node, operator: str, cells: Sequence[Sequence[Array]], names: Sequence[str]) -> None:
    """The operator, whose sequences are the second axis, and whose directions one of their own."""
    place, x, zero = node.place, graph.last, _zero(cells)
    kept = _kept(operator) if node.layer.stateful else ()
    initial = [f"{place}.initial_{of}" for of in kept]
    first = [[graph.state(f"{owner}.{of}", x, zero) for of in kept] for owner in names]
    for states, name in zip(zip(*first, strict=True), initial, strict=True):
        rows = [f"{state}_row" for state in states]
        for state, row in zip(states, rows, strict=True):
            graph.node("Unsqueeze", [state, graph.hold(f"{row}_axis", np.array([0]))], [row])
        graph.node("Concat", rows, [name], axis=0)
    gates = [[_in_order(operator, array) for array in cell] for cell in cells]
    arrays = {
        "W": np.stack([Wx.T for Wx, _, _ in gates]),
        "R": np.stack([Wh.T for _, Wh, _ in gates]),
        "B": np.stack([np.concatenate((b, np.zeros_like(b))) for _, _, b in gates]),
    }
    graph.node("Transpose", [x], [f"{place}.x"], perm=[1, 0, 2])
    inputs = [f"{place}.x", *(graph.hold(f"{place}.{name}", array) for name, array in arrays.items())]
    outputs = [f"{place}.Y", *(f"{place}.Y_{of}" for of in kept)]
    graph.node(
        operator,
        [*inputs, *(["", *initial] if initial else [])],
        outputs,
        hidden_size=zero.size,
        direction="forward" if len(cells) == 1 else "bidirectional",
    )
    for i, owner in enumerate(names):
        for of in kept:
            row = graph.hold(f"{owner}.{of}.row", np.array(i))
            graph.node("Gather", [f"{place}.Y_{of}", row], [graph.next_state(f"{owner}.{of}", zero)], axis=0)
    graph.node("Transpose", [f"{place}.Y"], [f"{place}.beside"], perm=[2, 0, 1, 3])
    shape = graph.hold(f"{place}.shape", np.array([0, 0, len(cells) * zero.size]))
    graph.node("Reshape", [f"{place}.beside", shape], [f"{place}.y"])


def _by_scan(graph: Any, node: Node, operator: str, cells: Sequence[Sequence[Array]], names: Sequence[str]) -> None:
    """The gates' sums of what comes in, of all steps at once; then a Scan through them, of each direction."""
    x, zero, kept = graph.last, _zero(cells), _kept(operator)
    for i, ((Wx, Wh, b), owner) in enumerate(zip(cells, names, strict=True)):
        graph.node("MatMul", [x, graph.hold(f"{owner}.Wx", Wx)], [f"{owner}.products"])
        graph.node("Add", [f"{owner}.products", graph.hold(f"{owner}.b", b)], [f"{owner}.sums"])
        stateful = node.layer.stateful
        first = [graph.state(f"{owner}.{of}", x, zero, is_input=stateful) for of in kept]
        last = [graph.next_state(f"{owner}.{of}", zero) if stateful else f"{owner}.last_{of}" for of in kept]
        of_h = np.split(Wh, 3, axis=1) if operator == "GRU" else [Wh]
        arrays = dict(zip(("Wz", "Wr", "Wh") if operator == "GRU" else ("Wh",), of_h, strict=True))
        body = graph.body(f"{owner}.step", _STEP[operator], [*kept, "x"], [*(f"next_{of}" for of in kept), "y"], arrays)
        graph.node(
            "Scan",
            [*first, f"{owner}.sums"],
            [*last, f"{owner}.y"],
            body=body,
            num_scan_inputs=1,
            scan_input_axes=[1],
            scan_output_axes=[1],
            scan_input_directions=[i],
            scan_output_directions=[i],
        )
    if len(cells) > 1:
        graph.node("Concat", [f"{owner}.y" for owner in names], [f"{node.place}.y"], axis=2)


def _zero(cells: Sequence[Sequence[Array]]) -> Array:
    """What a state begins with, of one sequence."""
    Wh = cells[0][1]
    return np.zeros((1, len(Wh)), Wh.dtype)


def _kept(operator: str) -> Sequence[str]:
    """What a step leaves for the next."""
    return ("h", "c") if operator == "LSTM" else ("h",)


def _in_order(operator: str, array: Array) -> Array:
    """The gates of the last axis in the operator's order; its z is 1 less ours, which is z of the negated sum."""
    parts = np.split(array, len(_GATES[operator]), axis=-1)
    if operator == "GRU":
        parts[0] = -parts[0]
    return np.concatenate([parts[i] for i in _GATES[operator]], axis=-1)
