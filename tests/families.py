"""One entry for each function, layer and optimizer: what the general tests must be told of it, and told here alone.

From these entries the tests of `out`, of layouts, agreement, promotion, hostile input, short memory, leaks, recycling,
threads, gradients and accuracy, the fuzzer, and those of saving and pickling take every family. A name that the
package exports and that has no entry here fails ``tests/test_families.py``. What works on images has its entries in
``image_families.py``, what takes indices in ``word_families.py`` and sequences in ``time_families.py``,
which are among these.
"""

import functools

import arbitrary
import exact
import image_families
import kit
import normalization
import numpy as np
import points
import recurrent_families
import time_families
import word_families
from exact import mp
from family import Arrays, Function, Layer, Update, backward, choosing, forward, loss, one_of
from kit import numbers

import fastlayers as fl

SLOPES = (0.1, 0.0, -0.5, 1.0, 2, np.float32(0.3))
EPS = (10e-7, 1e-3, 1, np.float32(0.5))
DELTAS = (1.0, 0.1, 1e-3, 2, 1e300, np.float32(0.3))
PROBABILITIES = (0.1, 0.0, 0.75, 1.0, 1, np.float32(0.3))


def gelu_argument(v):
    """Twice tanh's argument."""
    return 2 * mp.sqrt(2 / mp.pi) * (v + mp.mpf("0.044715") * v**3)


def gelu_tanh_term(v):
    """The second term of the slope of the form by tanh."""
    gate = exact.logistic(gelu_argument(v)) * exact.logistic(-gelu_argument(v))
    return 2 * mp.sqrt(2 / mp.pi) * v * (1 + mp.mpf("0.134145") * v * v) * gate


ENTRIES = (
    forward("relu", quiet=True),
    forward("relu_forward", "y", "mask", quiet=True),
    backward("relu_backward", lambda a: a.mask, bool, quiet=True),
    Layer("Relu"),
    forward("leaky_relu_forward", "y", "mask", options=choosing(negative_slope=SLOPES)),
    backward("leaky_relu_backward", lambda a: a.mask, bool, options=choosing(negative_slope=SLOPES)),
    Layer("LeakyRelu", made=one_of(*SLOPES), options={"negative_slope": 0.2}),
    Function(
        "dropout_forward",
        ("y", "mask"),
        lambda a: (a.x, a.draws),
        arbitrary.with_draws,
        choosing(p=PROBABILITIES),
        elementwise=True,
    ),
    backward("dropout_backward", lambda a: ~a.mask, bool, options=choosing(p=PROBABILITIES)),
    Layer("Dropout", made=arbitrary.probability_and_seed, options={"dropout_ratio": 0.25}, random=True),
    forward("sigmoid", quiet=True),
    forward("sigmoid_forward", quiet=True, accuracy=(4, points.sigmoid_errors)),
    backward(
        "sigmoid_backward",
        lambda a: fl.reference.sigmoid_forward(a.x),
        in_place=(0, 1),
        promotes=True,
        accuracy=(4, points.sigmoid_backward_errors),
    ),
    Layer("Sigmoid"),
    forward("tanh"),
    forward("tanh_forward", accuracy=(4, points.tanh_errors)),
    backward(
        "tanh_backward",
        lambda a: fl.reference.tanh_forward(a.x),
        in_place=(0, 1),
        promotes=True,
        accuracy=(4, points.tanh_backward_errors),
    ),
    Layer("Tanh"),
    forward(
        "gelu_forward",
        options=choosing(approximate=("none", "tanh")),
        accuracy=(
            4,
            points.with_options(
                points.measured(exact.each(lambda v: v * exact.normal(v))),
                approximate=("tanh", points.measured(exact.each(lambda v: v * exact.logistic(gelu_argument(v))))),
            ),
        ),
    ),
    backward(
        "gelu_backward",
        lambda a: a.x,
        sums="gradients",
        options=choosing(approximate=("none", "tanh")),
        in_place=(0, 1),
        promotes=True,
        accuracy=(
            6,
            points.with_options(
                points.measured_slope(exact.normal, lambda v: v * exact.density(v)),
                approximate=("tanh", points.measured_slope(lambda v: exact.logistic(gelu_argument(v)), gelu_tanh_term)),
            ),
        ),
    ),
    Layer("Gelu", made=one_of("none", "tanh"), options={"approximate": "tanh"}),
    forward("silu_forward", accuracy=(4, points.measured(exact.each(lambda v: v * exact.logistic(v))))),
    backward(
        "silu_backward",
        lambda a: a.x,
        sums="gradients",
        in_place=(0, 1),
        promotes=True,
        accuracy=(4, points.measured_slope(exact.logistic, lambda v: v * exact.logistic(v) * exact.logistic(-v))),
    ),
    Layer("Silu"),
    forward(
        "elu_forward",
        options=choosing(alpha=SLOPES),
        accuracy=(4, points.measured(exact.each(lambda v: v if v > 0 else mp.expm1(v)))),
    ),
    backward(
        "elu_backward",
        lambda a: a.x,
        options=choosing(alpha=SLOPES),
        in_place=(0, 1),
        promotes=True,
        accuracy=(4, points.measured_slope(lambda v: mp.exp(v) if v < 0 else mp.mpf(1), lambda v: 0)),
    ),
    Layer("Elu", made=one_of(*SLOPES), options={"alpha": 0.7}),
    Function(
        "affine_forward",
        ("y",),
        lambda a: (a.x, a.W, a.b),
        arbitrary.affine_forward,
        large=lambda a: (a.column, a.row, a.bias),
        in_place=(),
        promotes=True,
        sums="products",
    ),
    Function(
        "affine_backward",
        ("dx", "dW", "db"),
        lambda a: (a.three, a.x, a.W),
        arbitrary.affine_backward,
        choosing(50, need_dx=(True, False), need_dW=(True, False)),
        large=lambda a: (a.dout, a.column, a.row),
        in_place=(),
        sums="products",
        before_out=(True, True),
    ),
    Layer("Affine", arguments=lambda a: (a.W, a.b), arbitrary=arbitrary.affine_layer, kind="affine"),
    Layer("MatMul", arguments=lambda a: (a.W,), arbitrary=arbitrary.product_layer, kind="affine"),
    Function(
        "batch_normalization",
        ("y",),
        lambda a: (a.x, a.gamma, a.bias, a.bias, a.gamma),
        normalization.predicted,
        choosing(eps=EPS),
        in_place=(),
        promotes=True,
        sums=normalization.terms_of_prediction,
        before_out=(1e-6,),
    ),
    Function(
        "batch_normalization_forward",
        ("y", "mean", "var", "running_mean", "running_var"),
        lambda a: (a.x, a.gamma, a.bias, a.bias, a.gamma),
        normalization.forward,
        choosing(momentum=PROBABILITIES, eps=EPS),
        in_place=(),
        promotes=True,
        sums=normalization.terms_of_forward,
        before_out=(0.9, 1e-6),
    ),
    Function(
        "batch_normalization_backward",
        ("dx", "dgamma", "dbeta"),
        lambda a: (a.dout, a.x, a.gamma, *a.statistics),
        normalization.backward,
        choosing(50, need_dx=(True, False), eps=EPS),
        in_place=(),
        promotes=True,
        sums=normalization.terms_of_backward,
        before_out=(True, 1e-6),
    ),
    Layer(
        "BatchNormalization",
        arguments=lambda a: (a.gamma, a.bias, 0.9, a.bias, 4 * a.gamma),
        arbitrary=normalization.layer,
        made=one_of(*PROBABILITIES),
        kind="normalization",
        options={"momentum": 0.5, "eps": 1e-3},
    ),
    *image_families.ENTRIES,
    *word_families.ENTRIES,
    *recurrent_families.ENTRIES,
    *time_families.ENTRIES,
    Function(
        "softmax",
        ("y",),
        lambda a: (a.x,),
        arbitrary.one,
        choosing(40, axis=(-3, -2, -1, 0, 1, 2)),
        quiet=True,
    ),
    Function(
        "softmax_backward",
        ("dx",),
        lambda a: (a.dout, fl.reference.softmax(a.x)),
        arbitrary.with_probabilities,
        choosing(40, axis=(-3, -2, -1, 0, 1, 2)),
        in_place=(0, 1),
        quiet=True,
        promotes=True,
        sums=arbitrary.terms_over_rows,
    ),
    Layer("Softmax", kind="rows"),
    loss("softmax_cross_entropy", lambda a: (a.x, a.labels), arbitrary.scores, arbitrary.loss_options, quiet=True),
    loss("softmax_with_loss", lambda a: (a.x, a.labels), arbitrary.scores, arbitrary.loss_options, of_layer=True),
    Function(
        "softmax_gradient",
        ("dx",),
        lambda a: (fl.reference.softmax(a.x), a.labels),
        arbitrary.probabilities,
        arbitrary.loss_options,
        sums="targets",
        of_layer=True,
    ),
    Function("cross_entropy_error", (), lambda a: (fl.softmax(a.x), a.labels), arbitrary.scores, kernel=False),
    Layer("SoftmaxWithLoss", lambda a: (a.x, a.labels), arbitrary=arbitrary.scores, kind="loss"),
    loss("sigmoid_cross_entropy", lambda a: (a.x, a.bits), arbitrary.pairs, arbitrary.pairs_options),
    loss("sigmoid_with_loss", lambda a: (a.x, a.bits), arbitrary.pairs, arbitrary.pairs_options, of_layer=True),
    Layer("SigmoidWithLoss", lambda a: (a.x, a.bits), arbitrary=arbitrary.pairs, kind="loss"),
    loss("mean_squared_error", lambda a: (a.x, a.dout), arbitrary.pairs, arbitrary.pairs_options),
    Layer("MeanSquaredError", lambda a: (a.x, a.dout), arbitrary=arbitrary.pairs, kind="loss"),
    loss(
        "huber_loss",
        lambda a: (a.x, a.dout),
        arbitrary.pairs,
        functools.partial(arbitrary.pairs_options, delta=DELTAS),
    ),
    Layer(
        "HuberLoss",
        lambda a: (a.x, a.dout),
        arbitrary=arbitrary.pairs,
        made=one_of(*DELTAS),
        kind="loss",
        options={"delta": 0.3},
    ),
    Layer("MulLayer", lambda a: (a.x, a.dout), arbitrary=arbitrary.two, kind="node"),
    Layer("AddLayer", lambda a: (a.x, a.dout), arbitrary=arbitrary.two, kind="node"),
    Update("sgd_update", (0.1,), (0.1, 0.02, 0.5), states=0),
    Update("momentum_update", (0.1, 0.8), (0.1, 0.8, True, 0.02, 0.5), states=1),
    Update("adagrad_update", (0.1,), (0.1, 0.02, 0.5), states=1),
    Update("rmsprop_update", (0.1, 0.8), (0.1, 0.8, 0.02, 0.5), states=1),
    Update("adam_update", (0.1, 0.8, 0.95, 1e-3, 3), (0.1, 0.8, 0.95, 1e-3, 3, 0.02, 0.5, True), states=2),
)
# With how many arguments the fuzzer makes each, at most.
OPTIMIZERS = {"SGD": 1, "Momentum": 2, "Nesterov": 2, "AdaGrad": 1, "RMSprop": 2, "Adam": 4, "AdamW": 4}

# What the tests take from them

FUNCTION = {entry.name: entry for entry in ENTRIES if isinstance(entry, Function)}
kit.NEEDED.update({name: (len(entry.arguments(Arrays())), entry.needed) for name, entry in FUNCTION.items()})
LAYER = {entry.name: entry for entry in ENTRIES if isinstance(entry, Layer)}
UPDATE = {entry.name: entry for entry in ENTRIES if isinstance(entry, Update)}

KERNELS = tuple(name for name, entry in FUNCTION.items() if entry.kernel)
PUBLIC = tuple(name for name, entry in FUNCTION.items() if not entry.of_layer)
FUNCTIONS = tuple(name for name in PUBLIC if FUNCTION[name].kernel)  # those that take `out`
ELEMENTWISE = tuple(name for name in FUNCTIONS if FUNCTION[name].elementwise)
RESULTS = {name: FUNCTION[name].results for name in FUNCTIONS}
EVERY_ARGUMENT = [(name, i) for name in PUBLIC for i in range(len(FUNCTION[name].arguments(Arrays())))]
ARGUMENTS = [(name, i) for name, i in EVERY_ARGUMENT if name in FUNCTIONS]
LAYERS = tuple(LAYER)
NO_LAYERS = ("UnigramSampler",)  # though they are among them
ACTIVATIONS = tuple(name for name, entry in LAYER.items() if entry.kind == "activation")
LOSSES = tuple(name for name, entry in LAYER.items() if entry.kind == "loss")
NODES = tuple(name for name, entry in LAYER.items() if entry.kind == "node")
UPDATES = {name: entry.factors for name, entry in UPDATE.items()}
FULL_UPDATES = {name: entry.full for name, entry in UPDATE.items()}


def common_call(name, dtype=np.float64, rows=6, columns=5, seed=0):
    """Arguments that every kernel takes: exact, aligned, contiguous arrays that fit."""
    return FUNCTION[name].arguments(Arrays(dtype, (rows, columns), seed))


def update_call(name, dtype=np.float64, shapes=((4, 3), (3,)), updates=UPDATES):
    """Lists of parameters, gradients and state, and the factors: all of them are written to but the gradients."""
    lists = [[numbers(shape, dtype, seed) for shape in shapes] for seed in range(2 + UPDATE[name].states)]
    return *lists[:2], *[[np.abs(a) for a in state] for state in lists[2:]], *updates[name]
