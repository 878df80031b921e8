"""The errors of every function against exact arithmetic, in ulp: ``python bench/accuracy.py``.

It writes ``docs/accuracy.md`` and its plots, in some two minutes. Run it in an environment where
``pip install '.[test,bench]'`` ran. What is measured and how is the tests' own: ``tests/points.py``.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import fastlayers
from fastlayers._core import backend

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import accuracy_page  # noqa: E402
import families  # noqa: E402
import long_sums  # noqa: E402
import points  # noqa: E402
from accuracy_page import DTYPES, PLAIN, REFERENCE, Errors  # noqa: E402

Array = np.ndarray[Any, Any]


# What a book writes


def plain_softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain_loss(x: Array, t: Array) -> tuple[float, Array]:
    y, rows = plain_softmax(x), np.arange(len(x))
    loss = -np.log(y[rows, t]).sum() / len(x)
    y[rows, t] -= 1
    return loss, y / len(x)


def plain_binary_loss(x: Array, t: Array, *, reduction: str) -> tuple[Array, Array]:
    assert reduction == "none"
    y = 1 / (1 + np.exp(-x))
    return -np.where(t == 1, np.log(y), np.log(1 - y)), y - t.astype(x.dtype)


def plain_silu_slope(dout: Array, x: Array) -> Array:
    gate = 1 / (1 + np.exp(-x))
    return dout * (gate + x * gate * (1 - gate))


def plain_gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        return x * (1 + plain_erf(x / math.sqrt(2))) / 2
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def plain_gelu_slope(dout: Array, x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        return dout * ((1 + plain_erf(x / math.sqrt(2))) / 2 + x * density)
    scale = math.sqrt(2 / math.pi)
    y = np.tanh(scale * (x + 0.044715 * x**3))
    return dout * ((1 + y) / 2 + x * (1 - y**2) * scale * (1 + 0.134145 * x**2) / 2)


def plain_erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


PLAIN_NUMPY = SimpleNamespace(
    sigmoid_forward=lambda x: 1 / (1 + np.exp(-x)),
    sigmoid_backward=lambda dout, y: dout * y * (1 - y),
    tanh_forward=np.tanh,
    tanh_backward=lambda dout, y: dout * (1 - y**2),
    gelu_forward=plain_gelu,
    gelu_backward=plain_gelu_slope,
    silu_forward=lambda x: x / (1 + np.exp(-x)),
    silu_backward=plain_silu_slope,
    elu_forward=lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    elu_backward=lambda dout, x, alpha=1.0: dout * np.where(x > 0, 1, alpha * np.exp(x)),
    sigmoid_cross_entropy=plain_binary_loss,
    softmax=plain_softmax,
    softmax_cross_entropy=plain_loss,
    affine_backward=lambda dout, x, W, need_dx, need_dW=True: (None, x.T @ dout, dout.sum(axis=0)),
)


def contenders() -> dict[str, Any]:
    """Plain NumPy, the reference, and each level that this CPU runs, the best one last."""
    levels = {level: backend.load_level(level) for level in backend.supported_levels()}
    return {PLAIN: PLAIN_NUMPY, REFERENCE: fastlayers.reference, **dict(sorted(levels.items()))}


# The measurements: where, and how far off, for the plots; and the largest of each, for the table


def sigmoid(found: Any, dtype: Any) -> Errors:
    return points.sigmoid_errors(found.sigmoid_forward, dtype)


def softmax(found: Any, dtype: Any) -> Errors:
    batches = [*(points.batch(dtype, classes) for classes in points.ROWS), *points.sought(dtype)]
    gaps, off = zip(*(points.softmax_errors(found.softmax, batch) for batch in batches), strict=True)
    return np.concatenate([a.ravel() for a in gaps]), np.concatenate([a.ravel() for a in off])


def loss(found: Any, dtype: Any) -> tuple[Array, Array, Array]:
    batches = [*(points.batch(dtype, classes) for classes in points.ROWS), *points.sought(dtype)]
    errors = [points.loss_errors(found.softmax_cross_entropy, batch) for batch in batches]
    at, off, gradient_off = (np.concatenate(parts) for parts in zip(*errors, strict=True))
    return at, off, gradient_off


def of_each_number(found: Any, dtype: Any) -> Iterator[tuple[str, float]]:
    """The functions that the tests hold to a promise, each by itself."""
    for name, function in families.FUNCTION.items():
        if function.accuracy:
            yield name, function.accuracy[1](getattr(found, name), dtype)[1].max()


def long_rows(found: Any, dtype: Any) -> Iterator[tuple[str, float]]:
    rows = [long_sums.long_row(dtype, kind) for kind in long_sums.LONG_ROWS]
    yield "softmax: a row of a million", max(points.softmax_errors(found.softmax, row)[1].max() for row in rows)
    errors = [points.loss_errors(found.softmax_cross_entropy, row) for row in rows]
    yield "softmax_cross_entropy: loss of a row of a million", max(off.max() for _, off, _ in errors)
    yield "softmax_cross_entropy: dx of a row of a million", max(off.max() for _, _, off in errors)


def long_batches(found: Any, dtype: Any) -> Iterator[tuple[str, float]]:
    errors = [long_sums.long_batch_errors(found.softmax_cross_entropy, dtype, kind) for kind in long_sums.LONG_BATCHES]
    yield "softmax_cross_entropy: mean loss of a million rows", max(off.max() for off, _ in errors)
    yield "softmax_cross_entropy: dx of a million rows", max(off.max() for _, off in errors)
    of_one_sign = [kind for kind in long_sums.LONG_SUMS if kind != "random"]
    errors = [long_sums.bias_gradient_errors(found.affine_backward, dtype, kind, 3) for kind in of_one_sign]
    yield "affine_backward: db of a million rows", max(off.max() for off, _ in errors)


def measure(found: Any, dtype: Any) -> tuple[list[tuple[str, float]], dict[str, Errors]]:
    """What each function is off by at most, in the order of the table, and what the plots show."""
    at, loss_off, gradient_off = loss(found, dtype)
    curves = {"sigmoid": sigmoid(found, dtype), "softmax": softmax(found, dtype), "loss": (at, loss_off)}
    _, binary_off, binary_gradient_off = points.binary_loss_errors(found.sigmoid_cross_entropy, dtype)
    worst = [
        *of_each_number(found, dtype),
        ("sigmoid_cross_entropy: loss of a number", binary_off.max()),
        ("sigmoid_cross_entropy: dx of a number", binary_gradient_off.max()),
        ("softmax: rows of 1 to 32,000", curves["softmax"][1].max()),
        ("softmax_cross_entropy: loss of a row", loss_off.max()),
        ("softmax_cross_entropy: dx of a row", gradient_off.max()),
        *long_rows(found, dtype),
        *long_batches(found, dtype),
    ]
    return worst, curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", metavar="FOLDER", help="where the page goes (docs)")
    docs = parser.parse_args().docs
    worst: dict[str, dict[Any, list[tuple[str, float]]]] = {}
    curves: dict[str, dict[Any, dict[str, Errors]]] = {}
    with np.errstate(all="ignore"):
        for contender, found in contenders().items():
            measured = {dtype: measure(found, dtype) for dtype in DTYPES}
            worst[contender] = {dtype: largest for dtype, (largest, _) in measured.items()}
            drawn = contender if contender in (PLAIN, REFERENCE) else "fastlayers"  # the best level comes last
            curves[drawn] = {dtype: errors for dtype, (_, errors) in measured.items()}
            print(contender, flush=True)
    accuracy_page.write(worst, curves, docs)
    print(f"wrote {docs / 'accuracy.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
