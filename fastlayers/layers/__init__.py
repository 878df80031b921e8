"""The layers of "Deep Learning from Scratch": state, forward, backward.

A layer holds what backward needs and calls the functions of `functional`; it never asks which backend
runs. The same classes bound to the pure path are in `reference`. Names and attributes are the book's;
``predict`` is added: forward without a trace, so that many threads may predict with one layer.

A result's memory is used again for a later one, as soon as nobody but the layer holds it (`memory`); a
subclass that does not call ``__init__`` goes without.
"""

from typing import TYPE_CHECKING

from .._core.names import asked_for_missing
from ._activation import Elementwise
from .affine import Affine, MatMul
from .attention import Attention, AttentionWeight, TimeAttention, WeightSum
from .average_pooling import AveragePooling, GlobalAveragePooling
from .batch_normalization import BatchNormalization
from .convolution import Convolution
from .cross_entropy import SoftmaxWithLoss
from .dropout import Dropout, TimeDropout
from .elu import Elu
from .embedding import Embedding, TimeEmbedding
from .embedding_dot import EmbeddingDot
from .flatten import Flatten
from .gelu import Gelu
from .gru import GRU, TimeGRU
from .huber import HuberLoss
from .leaky_relu import LeakyRelu
from .lstm import LSTM, TimeLSTM
from .max_pooling import Pooling
from .mean_squared_error import MeanSquaredError
from .negative_sampling import NegativeSamplingLoss
from .nodes import AddLayer, MulLayer
from .relu import Relu
from .rnn import RNN, TimeRNN
from .sigmoid import Sigmoid
from .sigmoid_cross_entropy import SigmoidWithLoss
from .silu import Silu
from .softmax import Softmax
from .tanh import Tanh
from .time_affine import TimeAffine
from .time_bi_lstm import TimeBiLSTM
from .time_losses import TimeSigmoidWithLoss, TimeSoftmaxWithLoss
from .unigram_sampler import UnigramSampler

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AddLayer",
    "Affine",
    "Attention",
    "AttentionWeight",
    "AveragePooling",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Elu",
    "Embedding",
    "EmbeddingDot",
    "Flatten",
    "Gelu",
    "GlobalAveragePooling",
    "HuberLoss",
    "LeakyRelu",
    "MatMul",
    "MeanSquaredError",
    "MulLayer",
    "NegativeSamplingLoss",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SigmoidWithLoss",
    "Silu",
    "Softmax",
    "SoftmaxWithLoss",
    "Tanh",
    "TimeAffine",
    "TimeAttention",
    "TimeBiLSTM",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "UnigramSampler",
    "WeightSum",
]

# The activations of hidden layers by the names of their families: relu, leaky_relu and so on.
ACTIVATIONS: dict[str, type[Elementwise]] = {
    kind._family(): kind
    for name in __all__
    if issubclass(kind := globals()[name], Elementwise) and not issubclass(kind, (Dropout, Softmax))
}

if not TYPE_CHECKING:
    __getattr__ = asked_for_missing(__name__)
