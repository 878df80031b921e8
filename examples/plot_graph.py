"""
A network as a graph
====================

What goes forward stands above each edge, the gradient that came back below it: for arrays their shapes. Drawn by
Graphviz where it is installed, by matplotlib otherwise.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fastlayers as fl
from fastlayers.graph import Graph

rng = np.random.default_rng(0)
net = fl.Sequential(
    [fl.Affine(rng.standard_normal((784, 50)), np.zeros(50)), fl.Relu(), fl.Affine(rng.standard_normal((50, 10)))],
    fl.SoftmaxWithLoss(),
)
graph = Graph.of_network(net, rng.standard_normal((100, 784)), rng.integers(0, 10, 100))

# %%
# In a notebook the graph shows itself; a script saves it.

with tempfile.TemporaryDirectory() as folder:
    graph.save(Path(folder) / "graph.png")
    picture = plt.imread(Path(folder) / "graph.png")
figure = plt.figure(figsize=(picture.shape[1] / 100, picture.shape[0] / 100))
plt.axes((0, 0, 1, 1)).imshow(picture)
plt.axis("off")
plt.show()
