"""
Learning by heart, and what helps
=================================

A network with far more weights than samples learns its 100 samples by heart: their loss goes to 0, and that of others
rises again. Dropout slows this down; weight decay does not let it happen.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlayers as fl
from fastlayers import datasets, initializers

digits = datasets.load_digits()
x, t = digits.train.x[:100], digits.train.t[:100]

# %%
# The same network three times: as it is, with half of its hidden values dropped, and with weight decay.


def network(p):
    rng = np.random.default_rng(0)
    layers = [fl.Affine(*initializers.affine(64, 256, rng=rng)), fl.Relu(), fl.Dropout(p, rng=rng)]
    layers.append(fl.Affine(*initializers.affine(256, 10, rng=rng)))
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


contenders = {
    "as it is": (network(0.0), fl.Adam(lr=0.003)),
    "dropout 0.5": (network(0.5), fl.Adam(lr=0.003)),
    "weight decay 0.01": (network(0.0), fl.Adam(lr=0.003, weight_decay=0.01)),
}

# %%
# The loss on the samples that it learns, dashed, and on the 359 test images.

figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for name, (net, optimizer) in contenders.items():
    test = digits.test.x, digits.test.t
    history = net.fit(x, t, 150, 20, optimizer=optimizer, validation_data=test, rng=0)
    right = history.validation_accuracy[-1]
    (line,) = axis.plot(history.validation_loss, label=f"{name}: {right:.1%} right")
    axis.plot(history.loss, "--", color=line.get_color(), linewidth=1)
axis.set(xlabel="epoch", ylabel="loss", yscale="log", ylim=(1e-3, 3))
axis.legend()
plt.show()
