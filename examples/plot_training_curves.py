"""
Three optimizers, three curves
==============================

The same network on scikit-learn's digits, from the same weights and the same batches, with SGD, Momentum and Adam.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import fastlayers as fl

x, t = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, t = (x[order] / 16).astype(np.float32), t[order]
x_train, t_train, x_test, t_test = x[:1400], t[:1400], x[1400:], t[1400:]


def network(rng):
    def affine(D, M):
        W = rng.standard_normal((D, M)) * np.sqrt(2 / D)
        return fl.Affine(W.astype(np.float32), np.zeros(M, np.float32))

    return fl.Sequential([affine(64, 50), fl.Relu(), affine(50, 10)], fl.SoftmaxWithLoss())


# %%
# Thirty epochs of batches of 50, each in a new order.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for optimizer in (fl.SGD(lr=0.1), fl.Momentum(lr=0.1), fl.Adam(lr=0.003)):
    rng = np.random.default_rng(1)
    net = network(rng)
    losses, right = [], []
    for _ in range(30):
        batches = rng.permutation(len(x_train)).reshape(-1, 50)
        losses.append(np.mean([net.train_step(x_train[b], t_train[b], optimizer) for b in batches]))
        right.append(net.accuracy(x_test, t_test))
    name = type(optimizer).__name__
    axes[0].plot(losses, label=name)
    axes[1].plot(right, label=f"{name}, at last {right[-1]:.1%}")
axes[0].set(xlabel="epoch", ylabel="training loss", yscale="log")
axes[1].set(xlabel="epoch", ylabel="test accuracy", ylim=(0.85, 1))
axes[1].legend(loc="lower right")
plt.show()
