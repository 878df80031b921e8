"""The rules by which a product is ours or BLAS's: ``python bench/product_rules.py`` measures them anew.

Products of the grid of ``bench/products.py`` are timed both ways, each for `--each` seconds, and appended to a file, so
that several runs add up; what seems to be chosen wrongly can be timed again, longer, with `--again`. Then the rule is
fitted for each type, shape and order whose sign says who is faster, where that is by more than noise; one that always
says the same is taken unless it is clearly worse. It prints the rules, each as ``kernels/common/product_choice.h`` has
it, with how many products it was fitted to and at how many the choice costs more than 5 %.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import products
from scipy.optimize import minimize

SHAPES = ("FL_COLUMN", "FL_ROW", "FL_LARGE", "FL_FEW", "FL_SHORT", "FL_SLIM", "FL_BULK")
ORDERS = ("FL_PLAIN", "FL_TURNED_A", "FL_TURNED_B", "FL_TURNED_Y")
NOISE = 0.03  # of the logarithm of the ratio
CLEAR = 0.2  # beyond which being wrong costs no more
Measured = dict[products.Product, products.Found]


def case(level: Any, product: products.Product) -> tuple[int, ...]:
    """What the rule goes by: shape, order, rows, inner, columns, lanes in vain."""
    a, b = products.operands(product)
    given: tuple[int, ...] = level.product(a, b, np.empty((product.m, product.n), product.dtype), by="rule")
    return given


def features(cases: Any) -> Any:
    """A row for each: of the call, y, a, b, each multiplication, each in vain."""
    rows, inner, columns, in_vain = np.array([one[2:] for one in cases], float).T
    of_a = inner * rows
    return np.stack([np.ones_like(rows), rows * columns, of_a, inner * columns, of_a * columns, of_a * in_vain], axis=1)


def costs(rule: Any, cases: Any, ratios: Any) -> Any:
    """How many times the better one's time is that of the chosen one; `ratios` of our time to BLAS's."""
    return np.maximum(np.where(features(cases) @ rule < 0, ratios, 1 / ratios), 1)


def wrong(rule: Any, cases: Any, ratios: Any) -> int:
    return int((costs(rule, cases, ratios) > products.MOST).sum())


def fitted(cases: Any, ratios: Any) -> Any:
    """The rule for these: a logistic regression on who is faster, weighted by how much, ever steeper."""
    given = features(cases)
    given = given / (150e3 + 20 * given[:, 4:5])  # about what a product takes, so that small ones count too
    scale = np.abs(given).max(0)
    scale[scale == 0] = 1
    given, logs = given / scale, np.log(ratios)
    weights, signs = np.clip(np.abs(logs) - NOISE, 0, CLEAR), np.sign(logs)
    rules, w = [], np.zeros(given.shape[1])
    for gain in (5, 20, 60, 200):

        def loss(w: Any, gain: int = gain) -> Any:
            off = np.clip(-signs * (given @ w) * gain, -500, 500)
            slope = -gain * given.T @ (weights * signs / (1 + np.exp(-off)))
            return (weights * np.logaddexp(0, off)).sum() + 1e-3 * (w**2).sum(), slope + 2e-3 * w

        w = minimize(loss, w, jac=True, method="L-BFGS-B", options={"maxiter": 3000}).x
        rules.append(w / scale)
    best = min(rules, key=lambda rule: wrong(rule, cases, ratios) + np.log(costs(rule, cases, ratios)).sum())
    return np.array([float(f"{x:.3g}") for x in best / np.abs(best).max()])


def rule_of(cases: Any, ratios: Any) -> Any:
    """The fitted one, or one that always says the same if that is wrong at no more than one or a few in a thousand."""
    always = min((np.array([sign, 0, 0, 0, 0, 0]) for sign in (-1.0, 1.0)), key=lambda rule: wrong(rule, cases, ratios))
    spared = max(1, 0.003 * len(cases))
    if len(cases) <= 8 or wrong(always, cases, ratios) <= spared:
        return always
    rule = fitted(cases, ratios)
    return rule if wrong(rule, cases, ratios) < wrong(always, cases, ratios) - spared else always


def written(rule: Any) -> str:
    """As C has it."""
    if not rule[1:].any():
        return "OURS" if rule[0] < 0 else "BLAS"
    numbers = (np.format_float_positional(1000 * x, precision=6, trim="-") for x in np.trim_zeros(rule, "b"))
    return "{" + ", ".join(numbers) + "}"


def report(level: Any, measured: Measured) -> list[products.Found]:
    """Print the rules; what they choose wrongly."""
    groups: dict[tuple[str, int, int], list[Any]] = defaultdict(list)
    for product, found in measured.items():
        given = case(level, product)
        groups[product.dtype, given[0], given[1]].append((given, found.ours / found.blas, found))
    bad = []
    for key in sorted(groups):
        cases, ratios, all_found = zip(*groups[key], strict=True)
        rule = rule_of(cases, np.array(ratios))
        chosen_wrongly = costs(rule, cases, np.array(ratios)) > products.MOST
        bad += [found for found, one in zip(all_found, chosen_wrongly, strict=True) if one]
        name = f"{key[0]} [{SHAPES[key[1]]}] [{ORDERS[key[2]]}]"
        print(f"{name} = {written(rule)}  /* {chosen_wrongly.sum()} of {len(cases)} */")
    print(f"{len(measured)} products; the choice costs more than 5 % at {len(bad)}")
    return bad


def read(file: Path) -> Measured:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    all_found = (products.Found(products.Product(*p), *rest) for p, *rest in map(json.loads, lines))
    return {found.product: found for found in all_found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="where measurements are kept, a line each, of one instruction set")
    parser.add_argument("--level", help="an instruction set (the best)")
    parser.add_argument("--seconds", type=float, default=60, help="for all measurements (60); 0: fit those of the file")
    parser.add_argument("--each", type=float, default=0.05, help="seconds for each product (0.05)")
    parser.add_argument("--again", action="store_true", help="only those at which the choice would be wrong")
    given = parser.parse_args()
    os.environ.update(dict.fromkeys(products.THREADS, "1"))

    from fastlayers._core import backend

    level = backend.load_level(given.level or backend.supported_levels()[-1])
    level.set_num_threads(1)
    measured = read(given.file)
    todo = [one.product for one in report(level, measured)] if given.again else products.grid()
    random.shuffle(todo)
    stop = time.monotonic() + given.seconds
    with given.file.open("a", encoding="utf-8") as file:
        for product in todo:
            if time.monotonic() >= stop:
                break
            file.write(json.dumps(products.measure(level, product, given.each)) + "\n")
    report(level, read(given.file))
    return 0


if __name__ == "__main__":
    sys.exit(main())
