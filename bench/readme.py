"""The figures of README.md, from the same run as the page: written between pairs of markers, and nothing else.

A pair is ``<!-- bench: NAME -->`` and ``<!-- /bench -->``, on lines of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goals import OURS, Times
from goals_networks import NAMES, PREDICTION, TRAINING

from fastlayers.command.terminal import human

README = Path(__file__).resolve().parents[1] / "README.md"
MARKED = re.compile(r"(<!-- bench: (.+?) -->\n).*?(<!-- /bench -->)", re.DOTALL)
CONTENDERS = (NAMES["book"], OURS, "JAX jit", "PyTorch")
HEADS = ("network, batch", "the book's code", "**fastlayers**", "JAX `jit`", "PyTorch")
TRAINED = [race.what for race in TRAINING]
PREDICTED = PREDICTION[0]


def write(times: dict[str, Any], path: Path = README) -> None:
    """Put the figures of a whole run into their places; ValueError for a place that nothing is written to."""
    tables = {"training steps": training_table, "a prediction": prediction}
    text = path.read_text(encoding="utf-8")
    missing = tables.keys() ^ {name for _, name, _ in MARKED.findall(text)}
    if missing:
        raise ValueError(f"{path}: its places for figures and what is written to them differ: {sorted(missing)}")
    written = MARKED.sub(lambda found: found[1] + "\n".join(tables[found[2]](times)) + "\n" + found[3], text)
    path.write_text(written, encoding="utf-8")


def training_table(times: dict[str, Times]) -> Iterator[str]:
    yield f"| {' | '.join(HEADS)} |"
    yield f"| --- |{' ---: |' * (len(HEADS) - 1)}"
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
