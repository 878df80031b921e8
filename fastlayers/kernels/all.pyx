"""One module of kernels: the families below, compiled for one instruction set.

Each level's module (``_generic.pyx``, ``_x86_64*.pyx``) is one line that includes this file; ``setup.py``
gives it its level's compiler flags and all of them their directives. The families are files of their
own, so that each is read, linted and annotated alone.
"""

from numpy cimport import_array

from fastlayers.kernels.common.arrays cimport *
from fastlayers.kernels.common.math cimport *

import_array()

include "common/entry.pyx"
include "common/pool.pyx"
include "common/threads.pyx"
include "common/cast.pyx"
include "common/formulas.pyx"
include "common/elementwise.pyx"
include "common/maps.pyx"
include "common/exp_quotient.pyx"
include "relu.pyx"
include "leaky_relu.pyx"
include "dropout.pyx"
include "sigmoid.pyx"
include "tanh.pyx"
include "elu.pyx"
include "silu.pyx"
include "gelu.pyx"
include "one_sample.pyx"
include "product.pyx"
include "affine.pyx"
include "common/losses.pyx"
include "common/targets.pyx"
include "common/narrow_targets.pyx"
include "softmax.pyx"
include "softmax_gradient.pyx"
include "softmax_backward.pyx"
include "narrow_rows.pyx"
include "cross_entropy.pyx"
include "common/paired_losses.pyx"
include "mean_squared_error.pyx"
include "huber.pyx"
include "sigmoid_cross_entropy.pyx"
include "gradients.pyx"
include "touched_rows.pyx"
include "adam.pyx"
include "optimizers.pyx"
include "blend.pyx"
include "adagrad.pyx"
include "common/channels.pyx"
include "batch_normalization.pyx"
include "common/windows.pyx"
include "max_pooling.pyx"
include "average_pooling.pyx"
include "common/filters.pyx"
include "common/convolving.pyx"
include "convolution.pyx"
include "im2col.pyx"
include "small_network.pyx"
include "embedding.pyx"
include "common/recurrent_units.pyx"
include "common/recurrent_steps.pyx"
include "recurrent.pyx"
include "negative_sampling.pyx"
include "word2vec.pyx"

# A network as one call asks a level's kernels, and is of no level itself.
from fastlayers.kernels._program import LossStep, Program, Step, UpdateStep  # no-cython-lint
