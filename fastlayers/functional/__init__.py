"""The stateless functions: each tries the compiled entry, which declines what is not the common case.

What was declined goes to the function of the same name in `_contract`, which makes the input fit or
raises. The mathematics stands in `_reference`, the kernels in ``kernels/``.

Every ``out=`` follows the ufunc convention: an array or a 1-tuple for one result, a tuple in the order
of the results for several, any of it None. It must have the result's shape and dtype and be writeable;
it may be strided, unaligned or byte-swapped, but no two of its elements may share memory. An elementwise
function may be given its own input.

Input is anything that ``numpy.asarray`` takes, of bool, integer or real floating dtype. Mixed dtypes
promote as in NumPy. float32 and float64 run compiled and keep their dtype. A masked entry stands for no
number: an array with any is a ValueError.
"""

from .affine import affine_backward, affine_forward
from .dropout import dropout_backward, dropout_forward
from .losses import mean_squared_error, sigmoid_cross_entropy
from .losses import sigmoid_with_loss as sigmoid_with_loss  # what the layer calls
from .rectifiers import leaky_relu_backward, leaky_relu_forward, relu, relu_backward, relu_forward
from .sigmoids import sigmoid_backward, sigmoid_forward, tanh_backward, tanh_forward
from .softmax import cross_entropy_error, softmax, softmax_cross_entropy
from .softmax import softmax_with_loss as softmax_with_loss  # what the layer calls

__all__ = [
    "affine_backward",
    "affine_forward",
    "cross_entropy_error",
    "dropout_backward",
    "dropout_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "mean_squared_error",
    "relu",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_forward",
    "softmax",
    "softmax_cross_entropy",
    "tanh_backward",
    "tanh_forward",
]
