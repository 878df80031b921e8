"""
Both paths beside each other
============================

A training step of a two-layer network (64 inputs, 10 classes, batches of 32) on the reference and on the kernels, by
the number of hidden neurons.

Timed when this page was built, on a machine that had other things to do. The measurements that count are in
:doc:`../benchmarks`.
"""

import timeit

import matplotlib.pyplot as plt
import numpy as np

import fastlayers as fl

rng = np.random.default_rng(0)
x, t = rng.standard_normal((32, 64), dtype=np.float32), rng.integers(0, 10, 32)
sizes = [8, 16, 32, 64, 128, 256, 512]


def microseconds(book, hidden):
    """The fastest of many steps."""
    layers = [
        book.Affine(0.1 * rng.standard_normal((64, hidden), dtype=np.float32), np.zeros(hidden, np.float32)),
        book.Relu(),
        book.Affine(0.1 * rng.standard_normal((hidden, 10), dtype=np.float32), np.zeros(10, np.float32)),
    ]
    net, optimizer = book.Sequential(layers, book.SoftmaxWithLoss()), book.SGD(lr=0.01)
    return min(timeit.repeat(lambda: net.train_step(x, t, optimizer), number=20, repeat=20)) / 20 * 1e6


# %%
# Where the products are large, both paths wait for the same BLAS, and the lines come closer.

figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for book, name in ((fl.reference, "reference (NumPy)"), (fl, f"fastlayers ({fl.get_backend()})")):
    axis.loglog(sizes, [microseconds(book, hidden) for hidden in sizes], "o-", base=2, label=name)
axis.set(xlabel="hidden neurons", ylabel="microseconds for a step", xticks=sizes, xticklabels=sizes)
axis.set_yscale("log", base=10)
axis.legend()
plt.show()
