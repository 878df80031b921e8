"""The table of PyTorch's modules in the page on saving: each layer computes what PyTorch documents of its module.

Where PyTorch is installed, each module itself is compared as well.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import kit
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import fastlayers as fl

PAGE = Path(__file__).resolve().parents[1] / "docs" / "howto" / "save.md"
TABLE = dict(re.findall(r"^\| `(nn\..*?)` \| `(fl\..*?)` \|", PAGE.read_text("utf-8"), re.MULTILINE))


def numbers(shape, seed=0):
    return kit.numbers(shape, np.float64, seed)


ROWS, IMAGES, STEPS = numbers((6, 4)), numbers((2, 4, 9, 8)), numbers((2, 4, 5))
LABELS, WEIGHT = np.array([0, 3, -100, 1, 2, 0]), np.array([1.0, 2.0, 0.5, 3.0])
TARGETS = numbers((6, 4), seed=5)


def windows(x, size, stride, dilation=1):
    found = sliding_window_view(x, (dilation * (size - 1) + 1,) * 2, (2, 3))
    return found[:, :, ::stride, ::stride, ::dilation, ::dilation]


def padded(x, pad=1, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=value)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def linear(x, weight, bias):
    return x @ weight.T + bias


def convolution(x, weight, bias):
    halves = [windows(half, 3, 2, 2) for half in np.split(padded(x), 2, axis=1)]
    found = [np.einsum("nchwij,fcij->nfhw", *pair) for pair in zip(halves, np.split(weight, 2), strict=True)]
    return np.concatenate(found, axis=1) + bias[:, None, None]


def normalization(eps):
    def normalized(x, **state):
        mean, var, weight, bias = (
            state[name].reshape(-1, *(1,) * (x.ndim - 2)) for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / np.sqrt(var + eps) * weight + bias

    return normalized


def average(x, is_counted):
    sums, counts = (windows(padded(a), 3, 2).sum((-2, -1)) for a in (x, np.ones_like(x)))
    return sums / (9 if is_counted else counts)


def rnn(x, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    h, hs = 0 * x[:, 0, :3], []
    for step in x.swapaxes(0, 1):
        h = np.tanh(step @ weight_ih_l0.T + bias_ih_l0 + h @ weight_hh_l0.T + bias_hh_l0)
        hs.append(h)
    return np.stack(hs, 1)


def lstm(x, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    h, c, hs = 0 * x[:, 0, :3], 0, []
    for step in x.swapaxes(0, 1):
        i, f, g, o = np.split(step @ weight_ih_l0.T + bias_ih_l0 + h @ weight_hh_l0.T + bias_hh_l0, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.stack(hs, 1)


def both_ways(x, **state):
    back = {name.removesuffix("_reverse"): array for name, array in state.items() if name.endswith("_reverse")}
    there = {name: state[name] for name in back}
    return np.concatenate([lstm(x, **there), lstm(x[:, ::-1], **back)[:, ::-1]], -1)


def cross_entropy(x, t, weight, smoothing=0.0):
    counted = t != -100
    x, t = x[counted], t[counted]
    logs = weight * (x - np.log(np.exp(x).sum(1, keepdims=True)))
    of_labels = (1 - smoothing) * logs[np.arange(len(t)), t] + smoothing / 4 * logs.sum(1)
    return -of_labels.sum() / weight[t].sum()


def huber(y, t):
    d = np.abs(y - t)
    return np.where(d <= 2, d**2 / 2, 2 * (d - 1)).mean()


def params(*shapes):
    return dict(zip(("W", "b"), map(np.zeros, shapes), strict=False))


def gates(count):
    return {"Wx": np.zeros((5, 3 * count)), "Wh": np.zeros((3, 3 * count)), "b": np.zeros(3 * count)}


class Row(NamedTuple):
    formula: Callable[..., Any]
    x: np.ndarray
    given: Mapping[str, np.ndarray] = MappingProxyType({})  # what the layer is made of
    t: np.ndarray | None = None  # the target of a loss


NORM1, NORM2 = ({"gamma": np.ones(n), "beta": np.zeros(n)} for n in (4, 3))
FORMULAS = {
    "nn.Linear(4, 3)": Row(linear, ROWS, params((4, 3), 3)),
    "nn.Linear(5, 3)": Row(linear, STEPS, params((5, 3), 3)),
    "nn.Conv2d(4, 6, 3, 2, 1, 2, 2)": Row(convolution, IMAGES, params((6, 2, 3, 3), 6)),
    "nn.BatchNorm1d(4)": Row(normalization(1e-5), ROWS, NORM1),
    "nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)": Row(normalization(1e-3), IMAGES[:, :3], NORM2),
    "nn.ReLU()": Row(lambda x: np.maximum(x, 0), ROWS),
    "nn.LeakyReLU(0.2)": Row(lambda x: np.where(x > 0, x, 0.2 * x), ROWS),
    "nn.ELU(alpha=0.5)": Row(lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)), ROWS),
    "nn.GELU()": Row(lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2, ROWS),
    'nn.GELU(approximate="tanh")': Row(
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2, ROWS),
    "nn.SiLU()": Row(lambda x: x * sigmoid(x), ROWS),
    "nn.Sigmoid()": Row(sigmoid, ROWS),
    "nn.Tanh()": Row(np.tanh, ROWS),
    "nn.Softmax(dim=-1)": Row(lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True), STEPS),
    "nn.MaxPool2d(3, stride=2, padding=1)": Row(lambda x: windows(padded(x, 1, -np.inf), 3, 2).max((-2, -1)), IMAGES),
    "nn.AvgPool2d(3, stride=2, padding=1)": Row(lambda x: average(x, True), IMAGES),
    "nn.AvgPool2d(3, 2, 1, count_include_pad=False)": Row(lambda x: average(x, False), IMAGES),
    "nn.AdaptiveAvgPool2d(1)": Row(lambda x: x.mean((2, 3)), IMAGES),
    "nn.Flatten()": Row(lambda x: x.reshape(len(x), -1), IMAGES),
    "nn.Embedding(7, 3)": Row(lambda x, weight: weight[x], np.array([[0, 6, 6], [3, 1, 2]]), params((7, 3))),
    "nn.RNN(5, 3, batch_first=True)": Row(rnn, STEPS, gates(1)),
    "nn.LSTM(5, 3, batch_first=True)": Row(lstm, STEPS, gates(4)),
    "nn.LSTM(5, 3, batch_first=True, bidirectional=True)": Row(
        both_ways, STEPS, gates(4) | {f"{name}2": array.copy() for name, array in gates(4).items()}),
    "nn.Dropout(0.3)": Row(lambda x: x, ROWS),
    "nn.CrossEntropyLoss(weight=w)": Row(lambda x, t: cross_entropy(x, t, WEIGHT), ROWS, {"w": WEIGHT}, LABELS),
    "nn.CrossEntropyLoss(label_smoothing=0.1)": Row(
        lambda x, t: cross_entropy(x, t, np.ones(4), 0.1), ROWS, {}, np.maximum(LABELS, 0)),
    "nn.BCEWithLogitsLoss()": Row(
        lambda x, t: -np.log(np.where(t > 0, sigmoid(x), 1 - sigmoid(x))).mean(), ROWS, {}, 1.0 * (TARGETS > 0)),
    "nn.MSELoss()": Row(lambda y, t: ((y - t) ** 2).mean(), ROWS, {}, TARGETS),
    "nn.HuberLoss(delta=2.0)": Row(huber, 3 * ROWS, {}, TARGETS),
}  # fmt: skip


def made(name):
    return eval(TABLE[name], {"fl": fl, **{key: array.copy() for key, array in FORMULAS[name].given.items()}})


def result(layer, row):
    return layer.predict(row.x) if row.t is None else layer.forward(row.x, row.t)


def test_each_row_is_here():
    assert [*FORMULAS] == [*TABLE]


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("name", FORMULAS)
def test_a_row_computes_what_pytorch_documents(name):
    layer, row, state = made(name), FORMULAS[name], {}
    if row.t is None:
        net = fl.Sequential([layer])
        state = {key: numbers(array.shape, seed=i) for i, (key, array) in enumerate(net.state_dict().items())}
        state = {key: abs(array) + 0.1 if key.endswith("var") else array for key, array in state.items()}
        net.load_state_dict(state)
    arrays = {key.partition(".")[2]: array for key, array in state.items()}
    expected = row.formula(row.x, **arrays) if row.t is None else row.formula(row.x, row.t)
    np.testing.assert_allclose(result(layer, row), expected, rtol=1e-9, atol=1e-12)


def test_defaults_are_what_the_table_says():
    norm, pool = fl.BatchNormalization(np.ones(2), np.zeros(2)), fl.AveragePooling(3, 3)
    assert (norm.eps, norm.momentum, pool.stride, pool.count_include_pad) == (1e-6, 0.9, 2, True)
    assert (fl.Pooling(3, 3).stride, fl.LeakyRelu().negative_slope, fl.Elu().alpha) == (2, 0.01, 1)
    assert (fl.Gelu().approximate, fl.SoftmaxWithLoss().ignore_index) == ("none", None)


def test_dropout_scales_in_training():
    (factor,) = {*fl.Dropout(0.3, rng=0).forward(np.ones(99)).tolist()} - {0.0}
    assert factor == pytest.approx(1 / (1 - 0.3))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_row_computes_what_pytorch_does(name):
    torch = pytest.importorskip("torch")
    layer, row = made(name), FORMULAS[name]
    given = {key: torch.from_numpy(array) for key, array in row.given.items()}
    module = eval(name, {"nn": torch.nn, **given}).double()
    with torch.no_grad():
        if row.t is None:
            module(torch.from_numpy(row.x))  # which running statistics come from
            fl.Sequential([layer]).load_state_dict({key: a.numpy() for key, a in module.state_dict().items()})
        module.eval()
        found = module(*(torch.from_numpy(array) for array in (row.x, row.t) if array is not None))
    found = found[0] if isinstance(found, tuple) else found
    np.testing.assert_allclose(result(layer, row), found.numpy().squeeze(), rtol=1e-9, atol=1e-12)
