"""The stateless functions: each tries the compiled entry, which declines what is not the common case.

What was declined goes to the rule that stands below a function, of its name with an underscore. It makes the input
fit, or raises; it has the work done by ``run(formula, *arrays)``, which is the current backend's or the reference's;
and it puts the results where ``out`` says. So the rules are written once and both paths give the same errors.

Results are computed into fresh memory before ``out`` is looked at. That makes two promises cheap:
nothing is written when anything is wrong, and an ``out`` that overlaps an input in part does no harm.

Every ``out=`` follows the ufunc convention: an array or a 1-tuple for one result, a tuple in the order
of the results for several, any of it None. It must have the result's shape and dtype and be writeable;
it may be strided, unaligned or byte-swapped, but no two of its elements may share memory. An elementwise
function may be given its own input.

Input is anything that ``numpy.asarray`` takes, of bool, integer or real floating dtype. Mixed dtypes
promote as in NumPy. float32 and float64 run compiled and keep their dtype.

What does not fit is a TypeError where it is of a wrong kind: an argument that does not hold real numbers, a mask that
is not bool, labels or indices that are no integers, an ``out`` of a wrong dtype, or a bare array as that of several
results. It is a ValueError where it is of the right kind: arrays whose shapes do not go together, a number outside its
range or an array in its place, a label, index or target outside its range, an ``out`` of a wrong shape or read-only,
and an array with masked entries, which stand for no number.
"""

from .affine import affine_backward, affine_forward
from .average_pooling import average_pooling_backward, average_pooling_forward
from .batch_normalization import batch_normalization, batch_normalization_backward, batch_normalization_forward
from .blend import blend as blend  # what networks call
from .convolution import convolution_backward, convolution_forward
from .cross_entropy import cross_entropy_error, softmax_cross_entropy
from .cross_entropy import softmax_gradient as softmax_gradient  # what the layer calls
from .cross_entropy import softmax_with_loss as softmax_with_loss  # what the layer calls
from .dropout import dropout_backward, dropout_forward
from .elu import elu_backward, elu_forward
from .embedding import embedding_backward, embedding_forward
from .gelu import gelu_backward, gelu_forward
from .huber import huber_loss
from .im2col import col2im, im2col
from .leaky_relu import leaky_relu_backward, leaky_relu_forward
from .max_pooling import max_pooling_backward, max_pooling_forward
from .mean_squared_error import mean_squared_error
from .negative_sampling import negative_samples as negative_samples  # what the layer calls
from .recurrent import recurrent_backward as recurrent_backward  # what the layers call
from .recurrent import recurrent_forward as recurrent_forward  # what the layers call
from .relu import relu, relu_backward, relu_forward
from .sigmoid import sigmoid, sigmoid_backward, sigmoid_forward
from .sigmoid_cross_entropy import sigmoid_cross_entropy
from .sigmoid_cross_entropy import sigmoid_with_loss as sigmoid_with_loss  # what the layer calls
from .silu import silu_backward, silu_forward
from .softmax import softmax, softmax_backward
from .tanh import tanh, tanh_backward, tanh_forward

__all__ = [
    "affine_backward",
    "affine_forward",
    "average_pooling_backward",
    "average_pooling_forward",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_forward",
    "col2im",
    "convolution_backward",
    "convolution_forward",
    "cross_entropy_error",
    "dropout_backward",
    "dropout_forward",
    "elu_backward",
    "elu_forward",
    "embedding_backward",
    "embedding_forward",
    "gelu_backward",
    "gelu_forward",
    "huber_loss",
    "im2col",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "max_pooling_backward",
    "max_pooling_forward",
    "mean_squared_error",
    "relu",
    "relu_backward",
    "relu_forward",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "tanh",
    "tanh_backward",
    "tanh_forward",
]
