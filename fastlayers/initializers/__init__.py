"""Initial parameters for every layer that has any; float32 by default.

A function that has the name of a layer returns what the layer's constructor takes, as a tuple: pass it with a star, as
in ``fl.TimeLSTM(*fl.initializers.lstm(100, 50))``. The others return one array of weights.

The scale of the weights keeps the size of a signal from layer to layer. A unit sums one product for each of its
inputs. Its output is as large as they are if the variance of the weights is one over the number of inputs (Glorot and
Bengio, who take the mean of inputs and outputs for the sake of backward), or two over it behind ReLU, which lets half
of the signal through (He et al.). Weights are ``(inputs, outputs)``, as `Affine` has them, or
``(filters, channels, height, width)``, as `Convolution` has them: there a unit's inputs are those under one filter.

Numbers are drawn in float64 and then cast: a seed gives the same numbers, rounded, in every dtype.

>>> import numpy as np, fastlayers as fl
>>> rng = np.random.default_rng(0)
>>> net = fl.Sequential(
...     [fl.Affine(*affine(784, 50, rng=rng)), fl.Relu(), fl.Affine(*affine(50, 10, rng=rng))], fl.SoftmaxWithLoss()
... )
>>> [param.shape for param in net.params]
[(784, 50), (50,), (50, 10), (10,)]
"""

from .parameters import affine, batch_normalization, convolution, embedding
from .recurrent import bi_lstm, gru, lstm, rnn
from .weights import he_normal, he_uniform, xavier_normal, xavier_uniform

__all__ = [
    "affine",
    "batch_normalization",
    "bi_lstm",
    "convolution",
    "embedding",
    "gru",
    "he_normal",
    "he_uniform",
    "lstm",
    "rnn",
    "xavier_normal",
    "xavier_uniform",
]
