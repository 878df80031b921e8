"""The figures of README.md, from the same run as the page: written between pairs of markers, and nothing else.

A pair is ``<!-- bench: NAME -->`` and ``<!-- /bench -->``, on lines of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goals import OURS, Outcome, Probe, Times, case, timed
from goals_networks import NAMES, PREDICTION, TRAINING

from fastlayers.command.terminal import human, three_digits

README = Path(__file__).resolve().parents[1] / "README.md"
MARKED = re.compile(r"(<!-- bench: (.+?) -->\n).*?(<!-- /bench -->)", re.DOTALL)
CONTENDERS = (NAMES["book"], OURS, "JAX jit", "PyTorch")
HEADS = ("network, batch", "the book's code", "**fastlayers**", "JAX `jit`", "PyTorch")
TRAINED = [race.what for race in TRAINING]
PREDICTED = PREDICTION[0]

# The table of kernels: what it calls each, the case, and its sizes.
KERNELS = (
    ("ReLU forward", "relu_forward", ((10,), (128, 1024), (4096, 4096))),
    ("sigmoid forward", "sigmoid_forward", ((128, 1024),)),
    ("sigmoid backward", "sigmoid_backward", ((128, 1024),)),
    ("affine forward", "affine_forward", ((16, 64, 32),)),
    ("affine backward", "affine_backward", ((16, 64, 32), (128, 1024, 1024))),
    ("softmax", "softmax", ((128, 1000),)),
    ("softmax with loss and gradient", "loss, labels", ((1, 10), (100, 10), (512, 32000))),
)
KERNEL_TIMES = "README's kernels"


def kernels(pace: float) -> Outcome:
    """Times of both paths, for the table alone."""
    found = {}
    for title, name, sizes in KERNELS:
        for size in sizes:
            calls = case(name).prepare(size, "float32")
            found[f"{title} | {case(name).label(size)}"] = timed(calls, pace)
    return Outcome([], {KERNEL_TIMES: found})


KERNEL_TABLE = Probe(8, KERNEL_TIMES, kernels)


def write(times: dict[str, Any], path: Path = README) -> None:
    """Put the figures of a whole run into their places; ValueError for a place that nothing is written to."""
    tables = {"training steps": training_table, "a prediction": prediction, "kernels": kernel_table}
    text = path.read_text(encoding="utf-8")
    missing = tables.keys() ^ {name for _, name, _ in MARKED.findall(text)}
    if missing:
        raise ValueError(f"{path}: its places for figures and what is written to them differ: {sorted(missing)}")
    written = MARKED.sub(lambda found: found[1] + "\n".join(tables[found[2]](times)) + "\n" + found[3], text)
    path.write_text(written, encoding="utf-8")


def training_table(times: dict[str, Times]) -> Iterator[str]:
    yield from head(HEADS)
    for what in TRAINED:
        figures = [human(times[what][name]) if name in times[what] else "" for name in CONTENDERS]
        figures[1] = f"**{figures[1]}**"
        yield f"| {' | '.join([what.removeprefix('training step ').replace(' @', ', '), *figures])} |"


def prediction(times: dict[str, Times]) -> Iterator[str]:
    """A sentence, the quickest first."""
    ours, *others = sorted(times[PREDICTED.what].items(), key=lambda item: (item[0] != OURS, item[1]))
    said = [f"{name} {'takes ' if i == 0 else ''}{human(seconds)}" for i, (name, seconds) in enumerate(others)]
    listed = " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))
    widths = PREDICTED.what.removeprefix("prediction ").removesuffix(" @1")
    yield f"One sample through a policy network of {widths} takes {human(ours[1])}, where {listed}."


def kernel_table(times: dict[str, dict[str, Times]]) -> Iterator[str]:
    yield from head(("kernel", "size", "reference", "compiled", "ratio", "with `out=`"), words=2)
    for what, found in times[KERNEL_TIMES].items():
        reference, compiled, out = (found[path] for path in ("reference", "cython", "cython out="))
        ratio = three_digits(reference / compiled)
        yield f"| {what} | {human(reference)} | {human(compiled)} | {ratio} | {human(out)} |"


def head(heads: tuple[str, ...], words: int = 1) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * words}{' ---: |' * (len(heads) - words)}"
