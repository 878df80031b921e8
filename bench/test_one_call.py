"""A network as one compiled call, beside the walk over its layers, which gives the same numbers."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend

SIZES = [(8, 64, 64, 4), (64, 32, 10), (784, 50, 10), (784, 256, 128, 10)]


def network(sizes: tuple[int, ...], dtype: str) -> fl.Sequential:
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for d, m in itertools.pairwise(sizes):
        layers += [fl.Affine((0.1 * rng.standard_normal((d, m))).astype(dtype), np.zeros(m, dtype)), fl.Relu()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


def predicting(sizes: tuple[int, ...], rows: int, dtype: str) -> Callable[[], Any]:
    net, x = network(sizes, dtype), np.random.default_rng(1).random((rows, sizes[0])).astype(dtype)
    return lambda: net.predict(x)


def training(sizes: tuple[int, ...], rows: int, dtype: str) -> Callable[[], Any]:
    net, rng, optimizer = network(sizes, dtype), np.random.default_rng(1), fl.Adam()
    x, t = rng.random((rows, sizes[0])).astype(dtype), rng.integers(0, sizes[-1], rows)
    return lambda: net.train_step(x, t, optimizer)


@pytest.mark.parametrize("how", ["as one call", "layer by layer"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 16, 100])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
@pytest.mark.parametrize("make", [predicting, training])
def test_one_call(
    benchmark: Any,
    make: Callable[..., Callable[[], Any]],
    sizes: tuple[int, ...],
    rows: int,
    dtype: str,
    how: str,
    compiled: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    benchmark.group = f"{make.__name__} {'-'.join(map(str, sizes))} @{rows} {dtype}"
    results = []
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        results.append(make(sizes, rows, dtype)())
    np.testing.assert_array_equal(*results)
    monkeypatch.setattr(backend, "fuses", how == "as one call")
    call = make(sizes, rows, dtype)
    benchmark(call)
