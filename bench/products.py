"""Whether each product is made by the better of our tiles and NumPy's BLAS: ``python bench/products.py``.

Products of every size of a grid, in both dtypes and as forward, dW and dx have them (x W, x^T dout, dout W^T), are
timed both ways, turn by turn, on one core. It prints where the choice of the kernels (``common/product.h``) costs more
than 5 %, and fails where there is such a place; what seems so is timed again, longer, before it counts.

`--level` takes another instruction set than the best; for one that is not this processor's own, have OpenBLAS run the
kernels that it would run there: ``OPENBLAS_CORETYPE=Haswell`` for x86-64-v3, ``Nehalem`` for the baseline.
"""

import argparse
import itertools
import os
import random
import sys
from typing import Any, NamedTuple

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FASTLAYERS_NUM_THREADS")
SIZES = (1, 4, 10, 16, 32, 50, 64, 100, 128, 256, 384, 512, 784, 1024, 2048)
LARGEST = 1 << 30  # multiplications
ORDERS = {"x W": ("C", "C"), "x^T dout": ("F", "C"), "dout W^T": ("C", "F")}
MOST = 1.05
OURS, BLAS = "ours", "BLAS"


class Product(NamedTuple):
    m: int
    k: int
    n: int
    kind: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {self.kind} {self.m}x{self.k}x{self.n}"


class Found(NamedTuple):
    product: Product
    chosen: str
    ours: float
    blas: float

    @property
    def cost(self) -> float:
        """How many times the better one's time is that of the chosen one."""
        return (self.ours if self.chosen == OURS else self.blas) / min(self.ours, self.blas)


def grid() -> list[Product]:
    shapes = [(m, k, n) for m, k, n in itertools.product(SIZES, repeat=3) if m * k * n <= LARGEST]
    return [Product(m, k, n, kind, dtype) for m, k, n in shapes for kind in ORDERS for dtype in ("float32", "float64")]


def operands(product: Product) -> tuple[Any, Any]:
    import numpy as np

    from fastlayers.command import cases

    draw = cases.Draw(product.dtype)
    left, right = ORDERS[product.kind]
    a, b = draw(product.m, product.k), draw(product.k, product.n)
    return np.asfortranarray(a) if left == "F" else a, np.asfortranarray(b) if right == "F" else b


def measure(level: Any, product: Product, seconds: float) -> Found:
    import numpy as np
    from goals import timed

    from fastlayers.command import cases

    a, b = operands(product)
    y, expected = np.empty((product.m, product.n), product.dtype), np.dot(a, b)
    chosen = BLAS if level.product(a, b, y) is None else OURS
    assert level.product(a, b, y, None, False, False, OURS)
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3)
    calls = {who: cases.Call(level.product, (a, b, y, None, False, False, who), {}) for who in (OURS, BLAS)}
    times = timed(calls, seconds)
    return Found(product, chosen, times[OURS], times[BLAS])


def report(found: list[Found]) -> bool:
    """Print what was found; whether every choice was right."""
    wrong = sorted((one for one in found if one.cost > MOST), key=lambda one: -one.cost)
    for one in wrong:
        times = f"ours {one.ours * 1e6:.2f} us, BLAS {one.blas * 1e6:.2f} us"
        print(f"{one.product}: {times}; {one.chosen} was chosen, {one.cost:.2f} times the better")
    share = sum(one.chosen == OURS for one in found) / len(found)
    print(f"{len(found)} products, {share:.0%} of them ours; the choice costs more than 5 % at {len(wrong)}")
    for dtype in ("float32", "float64"):
        best = max(found, key=lambda one: (one.product.dtype == dtype) * rate(one))
        print(f"fastest in {dtype}: {rate(best):.1f} GFLOP/s, {best.product}")
    return not wrong


def rate(one: Found) -> float:
    m, k, n = one.product[:3]
    return 2e-9 * m * k * n / min(one.ours, one.blas)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--level", help="an instruction set (the best)")
    parser.add_argument("--products", type=int, default=500, help="how many of the grid, drawn at random; 0: all (500)")
    parser.add_argument("--seconds", type=float, default=0.1, help="for each (0.1)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ.update(dict.fromkeys(THREADS, "1"))

    from fastlayers._core import backend

    level = backend.load_level(given.level or backend.supported_levels()[-1])
    level.set_num_threads(1)
    todo = grid()
    if given.products:
        todo = random.Random(given.seed).sample(todo, min(given.products, len(todo)))
    found = []
    for product in todo:
        one = measure(level, product, given.seconds)
        for _ in range(2):
            if one.cost > MOST:
                again = measure(level, product, 5 * given.seconds)
                one = one._replace(ours=min(one.ours, again.ours), blas=min(one.blas, again.blas))
        found.append(one)
    return 0 if report(found) else 1


if __name__ == "__main__":
    sys.exit(main())
