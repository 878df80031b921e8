"""The goals of sequences: recurrent layers of all steps and of one, and a language model's training step."""

from functools import partial
from typing import Any

import book_sequences
import language_models
import limits
import numpy as np
import peers
import sequence_layers
import sequence_step
from goals import OURS, Bound, Calls, Race
from goals_image_layers import BOTH, DOT, FORWARD, TOLERANCE
from goals_images import BOOK, STEPS, bounds
from goals_networks import LOSS_TOLERANCE
from language_models import LanguageModel
from sequence_layers import Contender, Recurrent

import fastlayers
from fastlayers import reference

CELL, BOOKS_CELL, PREDICT = "PyTorch's LSTMCell", "the book's LSTM", "predict, state kept"


def compared(name: str, contender: Contender, expected: Any, dtype: str = "float32") -> Any:
    """What is timed, after its results were seen to be near the reference's."""
    call, results = contender
    for one, want in zip(results(), expected, strict=True):
        np.testing.assert_allclose(one, want, 0, TOLERANCE[dtype] * np.abs(want).max(), err_msg=name)
    return call


def layer(kind: Recurrent, backward: bool, dtype: str, wanted: frozenset[str]) -> Calls:
    """Ours, and the contenders that there is a bound for."""
    expected = sequence_layers.by_layer(kind, reference, dtype, backward)[1]()
    makers = {OURS: partial(sequence_layers.by_layer, kind, fastlayers, dtype, backward)}
    if BOOK in wanted and book_sequences.root():
        makers[BOOK] = lambda: sequence_layers.by_layer(kind, book_sequences.layers(), dtype, backward)
    elsewhere = {"PyTorch": ("torch", sequence_layers.pytorch), "JAX jit": ("jax", sequence_layers.jax)}
    for name, (module, maker) in elsewhere.items():
        if name in wanted and peers.available(module):
            makers[name] = partial(maker, kind, dtype, backward)
    return {name: compared(name, maker(), expected, dtype) for name, maker in makers.items()}


def work(kind: Recurrent, backward: bool, dtype: str) -> limits.Work:
    """Products, backward two for each, and the gates' functions; xs read, hs written, backward as of other layers."""
    gates, rows = sequence_layers.GATES[kind.cell], kind.samples * kind.steps
    functions = rows * kind.units * (gates + (kind.cell == "LSTM")) * limits.EXP[dtype]
    flops = 2 * rows * (kind.inputs + kind.units) * gates * kind.units * (3 if backward else 1) + functions
    xs, hs = rows * kind.inputs, rows * kind.units
    numbers = xs + hs + sum(array.size for array in kind.parameters(dtype))
    return limits.Work(flops, (2 * numbers + xs if backward else numbers) * np.dtype(dtype).itemsize, dtype)


def race(kind: Recurrent, passes: str, dtype: str = "float32", seconds: float = 2.5, **least: float) -> Race:
    found, backward = bounds(**least), passes == BOTH
    return Race(
        17,
        f"{kind.label}, {passes}" + ("" if dtype == "float32" else f", {dtype}"),
        partial(layer, kind, backward, dtype, frozenset(bound.peer for bound in found)),
        found,
        seconds,
        work={OURS: work(kind, backward, dtype)},
    )


def one_step(kind: Recurrent) -> Calls:
    expected = sequence_step.by_cell(kind, reference)[1]()
    makers: dict[str, Any] = {
        OURS: partial(sequence_step.by_cell, kind, fastlayers),
        PREDICT: partial(sequence_step.by_network, kind),
    }
    if book_sequences.root():
        makers[BOOK] = lambda: sequence_step.by_layer(kind, book_sequences.layers())
        makers[BOOKS_CELL] = lambda: sequence_step.by_cell(kind, book_sequences.layers())
    if peers.available("torch"):
        makers["PyTorch"] = partial(sequence_step.pytorch, kind, "LSTM")
        makers[CELL] = partial(sequence_step.pytorch, kind, "LSTMCell")
    if peers.available("jax"):
        makers["JAX jit"] = partial(sequence_step.jax, kind)
    if peers.available("onnxruntime") and peers.available("onnx"):
        makers["ONNX Runtime"] = partial(sequence_step.onnx_runtime, kind)
    calls = {name: compared(name, maker(), expected) for name, maker in makers.items()}
    return calls | {DOT: sequence_step.products(kind)}


def training(model: LanguageModel) -> Calls:
    """A step by each, after two were seen to have the same losses."""
    step = language_models.ours(model, reference)
    expected = [step.function(*step.args) for _ in range(STEPS)]
    calls: Calls = {}
    for name, (there, maker) in language_models.TRAINING.items():
        if there():
            step = maker(model)
            losses = [step.function(*step.args) for _ in range(STEPS)]
            np.testing.assert_allclose(losses, expected, rtol=LOSS_TOLERANCE, err_msg=name)
            calls[name] = step
    return calls


def book_recurrent(cell: str) -> Recurrent:
    return Recurrent(cell, 20, 35, 100, 100)


ALONE, WIDE, ONE = (
    Recurrent("LSTM", 1, 35, 100, 100),
    Recurrent("LSTM", 128, 7, 16, 128),
    Recurrent("LSTM", 1, 1, 64, 64),
)
RNNLM = LanguageModel(10_000, 100, 100, 20, 35)

SEQUENCES = (
    race(book_recurrent("LSTM"), FORWARD, b=2.2, t=1.2, j=1.7),
    race(book_recurrent("LSTM"), BOTH, b=2.4, t=1.2, j=1.4),
    race(book_recurrent("LSTM"), BOTH, "float64", t=2.3),
    race(ALONE, FORWARD, b=10, t=2.1, j=1.45),
    race(ALONE, BOTH, b=12, t=2.5, j=1.45),
    race(WIDE, FORWARD, b=1.8, t=1.2, j=2.1),
    race(WIDE, BOTH, b=1.5, t=1.35, j=1.6),
    race(book_recurrent("GRU"), FORWARD, b=2.6, t=1.7, j=1.15),
    race(book_recurrent("GRU"), BOTH, b=3.3, t=2.6, j=1.35),
    race(book_recurrent("RNN"), FORWARD, b=2.1, t=2.1, j=1.2),
    race(book_recurrent("RNN"), BOTH, b=2.3, t=2.5, j=1.5),
    Race(
        17,
        "one step of an LSTM, N=1 D=H=64",
        partial(one_step, ONE),
        (
            *bounds(b=7.5, t=28, j=8.5, o=4.5),
            Bound(CELL, least=9),
            Bound(BOOKS_CELL),
            Bound(DOT, most=1.5),
            Bound("PyTorch", ours=PREDICT),
            Bound("ONNX Runtime", ours=PREDICT),
        ),
        work={name: work(ONE, False, "float32") for name in (OURS, PREDICT)},
    ),
    Race(
        17,
        f"training step of {RNNLM.label}",
        partial(training, RNNLM),
        bounds(b=2.1, t=1.7, j=2.0),
        seconds=10.0,
        nbytes=RNNLM.nbytes,
        work={OURS: RNNLM.work()},
    ),
)
