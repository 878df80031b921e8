"""
Activations and their slopes
============================

Every activation of `fastlayers.layers`, and the slope that its backward multiplies the gradient by. Those of ReLU and
leaky ReLU jump at 0; the others have none that does. GELU and SiLU fall below 0 before they rise.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastlayers.layers import ACTIVATIONS

x = np.linspace(-4, 4, 401)

# %%
# y dashed, and its slope: the gradient where that of y is 1.

rows = -(-len(ACTIVATIONS) // 4)
figure, axes = plt.subplots(rows, 4, figsize=(10, 2.5 * rows), sharex=True, sharey=True, layout="constrained")
for axis, (name, Activation) in zip(axes.flat, ACTIVATIONS.items(), strict=False):
    layer = Activation()
    axis.plot(x, layer.forward(x), "--", label="y")
    axis.plot(x, layer.backward(np.ones_like(x)), label="slope")
    axis.set(title=name, ylim=(-1.5, 2))
    axis.grid(alpha=0.3)
for axis in axes.flat[len(ACTIVATIONS) :]:
    axis.remove()
axes.flat[0].legend()
plt.show()
