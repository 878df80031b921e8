#!/usr/bin/env python
"""A language model here and in PyTorch, from the same weights and on the same batches, step for step.

    python bench/beside_pytorch.py [TEXT]

The network, the text and how it is learned are those of ``examples/language_model.py``; the perplexity of batches is
printed beside PyTorch's, with the seconds that the steps took. At the example's learning rate, the book's, what was
rounded grows tenfold in about ten steps: there ``--dtype float64`` shows that both do the same. In float32 PyTorch's
norm of a million gradients, by which they are clipped, has an error of 1e-5 or more; ``--lr 1 --no-clipping`` shows the
rest.
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
    parser.add_argument("--steps", type=int, metavar="N", help="an epoch by default")
    parser.add_argument("--first", type=int, default=50, metavar="N", help="so many are held to the tolerance (50)")
    parser.add_argument("--lr", type=float, default=example.optimizer().lr, help="that of the example by default")
    parser.add_argument("--no-clipping", action="store_true", help="of gradients")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    given = parser.parse_args()

    torch = peers.import_torch()
    corpus, names = example.indices(example.read(given.text), given.words)
    text = running_text(corpus, example.BATCH, example.STEPS)
    net, optimizer = example.network(len(names), np.random.default_rng(0)), example.optimizer()
    optimizer.lr = given.lr
    if given.no_clipping:
        optimizer.clip_norm = None
    for layer in net.layers:
        for name in layer.param_names:
            setattr(layer, name, getattr(layer, name).astype(given.dtype))
    theirs = language_models.pytorch_step(net, optimizer.lr, optimizer.clip_norm)
    print(f"{text}, {len(names):,} of them different; {optimizer}, {given.dtype}")

    losses, seconds = [], np.zeros(2)
    batches = zip(*(np.split(array, text.steps)[: given.steps] for array in text.epoch()), strict=True)
    for i, (x, t) in enumerate(batches, 1):
        start = perf_counter()
        ours = net.train_step(x, t, optimizer)
        between = perf_counter()
        loss = theirs(torch.from_numpy(x), torch.from_numpy(t))
        seconds += between - start, perf_counter() - between
        losses.append((ours, loss))
        if i in (1, 2, 5) or i % 10 == 0:
            print(
                f"step {i:4}: {np.exp(ours):12.4f} {np.exp(loss):12.4f}, {abs(np.expm1(ours - loss)):.1e} apart",
                flush=True,
            )
    apart = np.abs(np.expm1(np.subtract(*np.transpose(losses))))
    most = apart[: given.first].max()
    held = "within" if most <= TOLERANCE else "NOT within"
    print(f"perplexities of the first {given.first} steps are at most {most:.1e} apart, {held} {TOLERANCE:.0e}")
    ours, loss = np.exp(np.mean(losses, axis=0))
    print(f"all {len(losses)}: at most {apart.max():.1e} apart; perplexity {ours:.4f}, PyTorch's {loss:.4f}")
    print(f"{seconds[0]:.1f} s, PyTorch {seconds[1]:.1f} s")


if __name__ == "__main__":
    main()
