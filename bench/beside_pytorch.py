#!/usr/bin/env python
"""A language model here and in PyTorch, from the same weights and on the same batches, step for step.

    python bench/beside_pytorch.py [TEXT]

The network, the text and how it is learned are those of ``examples/language_model.py``. The perplexity of each batch is
printed beside PyTorch's, for the first steps and then for each epoch, with the seconds that the steps took.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import language_models
import numpy as np
import peers

from fastlayers.training import running_text

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
import language_model as example

TOLERANCE = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", nargs="?", help="a file; what Python's help() shows if it is left out")
    parser.add_argument("--words", type=int, default=10_000, metavar="N", help="so many that differ (10000)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="1 by default")
    parser.add_argument(
        "--first", type=int, default=50, metavar="N", help="so many steps are held to the tolerance (50)"
    )
    given = parser.parse_args()

    torch = peers.import_torch()
    corpus, names = example.indices(example.read(given.text), given.words)
    text = running_text(corpus, example.BATCH, example.STEPS)
    net, optimizer = example.network(len(names), np.random.default_rng(0)), example.optimizer()
    theirs = language_models.pytorch_step(net, optimizer.lr, optimizer.clip_norm)
    print(f"{text}, {len(names):,} of them different; {optimizer}")

    for epoch in range(given.epochs):
        losses, seconds = [], np.zeros(2)
        for x, t in zip(*(np.split(array, text.steps) for array in text.epoch(epoch)), strict=True):
            start = perf_counter()
            ours = net.train_step(x, t, optimizer)
            between = perf_counter()
            loss = theirs(torch.from_numpy(x), torch.from_numpy(t))
            seconds += between - start, perf_counter() - between
            losses.append((ours, loss))
        perplexity = np.exp(losses)
        apart = np.abs(perplexity[:, 0] / perplexity[:, 1] - 1)
        if epoch == 0:
            for i in sorted({0, 1, 2, 4, *range(9, given.first, 10)}):
                print(f"step {i + 1:4}: {perplexity[i, 0]:12.4f} {perplexity[i, 1]:12.4f}  apart {apart[i]:.1e}")
            most = apart[: given.first].max()
            held = "within" if most <= TOLERANCE else "NOT within"
            print(f"the first {given.first} are at most {most:.1e} apart, {held} {TOLERANCE:.0e}")
        ours, loss = np.exp(np.mean(losses, axis=0))
        print(
            f"epoch {epoch + 1}: {ours:.4f} in {seconds[0]:.1f} s, PyTorch {loss:.4f} in {seconds[1]:.1f} s; of single "
            f"steps apart at most {apart.max():.1e}, in the mean {apart.mean():.1e}"
        )


if __name__ == "__main__":
    main()
