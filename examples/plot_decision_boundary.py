"""
A decision boundary forms
=========================

Two spirals, which no line can part. A network of two hidden layers learns them; what it says of every point of the
plane is drawn after 0, 20, 50, 100, 200 and 1000 steps.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlayers as fl

rng = np.random.default_rng(0)
angle = np.sqrt(rng.uniform(0.02, 1, 400)) * 3 * np.pi
t = np.arange(400) % 2
x = np.stack([np.cos(angle + np.pi * t), np.sin(angle + np.pi * t)], axis=1) * angle[:, None] / 10
x += 0.02 * rng.standard_normal(x.shape)

# %%
# The network has 2 inputs, two hidden layers of 32 neurons, and 2 classes.


def affine(D, M):
    return fl.Affine(rng.standard_normal((D, M)) * np.sqrt(2 / D), np.zeros(M))


net = fl.Sequential(
    [affine(2, 32), fl.Relu(), affine(32, 32), fl.Relu(), affine(32, 2)],
    fl.SoftmaxWithLoss(),
)

# %%
# Every point of a grid is asked for the probability of the second class, in one call.

side = np.linspace(-1.15, 1.15, 150)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
optimizer = fl.Adam(lr=0.01)
steps = [0, 20, 50, 100, 200, 1000]

figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
done = 0
for axis, step in zip(axes.flat, steps, strict=True):
    while done < step:
        net.train_step(x, t, optimizer)
        done += 1
    probability = fl.softmax(net.predict(grid))[:, 1].reshape(len(side), len(side))
    axis.imshow(probability, extent=(side[0], side[-1], side[0], side[-1]), origin="lower", cmap="coolwarm", alpha=0.7)
    axis.contour(side, side, probability, levels=[0.5], colors="k", linewidths=1)
    axis.scatter(*x.T, c=t, cmap="coolwarm", s=9, edgecolors="k", linewidths=0.3)
    axis.set(title=f"{step} steps, {net.accuracy(x, t):.0%} right", xticks=[], yticks=[])
plt.show()
