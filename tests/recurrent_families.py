"""The entries of `families` for recurrent layers, and arguments for them."""

import numpy as np
from family import Function, Layer
from strategies import any_dtype, chance

import fastlayers as fl

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def sequences(a):
    """The rows of x as sequences of two steps each, or of one."""
    rows, columns = (*a.shape, 1, 1)[:2]
    steps = 1 if rows % 2 else 2
    return a.x.reshape(rows // steps, steps, columns)


def weights(a, gates, units=None):
    """Wx, Wh and b for them; h has as many numbers as x, if it is not said how many."""
    D, H = a.columns, units or a.columns
    shapes = (D, gates * H), (H, gates * H), (gates * H,)
    return [a._numbers(shape, 2 + i) / a.dtype(2 * max(D, 1)) for i, shape in enumerate(shapes)]


def forward_call(units=20):
    """What an LSTM's forward takes."""

    def arguments(a):
        x, parameters = sequences(a), weights(a, 4, units)
        states = [a._numbers((len(x), len(parameters[1])), 7 + i) for i in range(2)]
        return x, *parameters, *states

    return arguments


def backward_call(units=20):
    """What its backward takes."""

    def arguments(a):
        x, Wx, Wh, b, h, c = forward_call(units)(a)
        kept = fl.reference.recurrent_forward(x, Wx, Wh, b, h, c)
        return a._numbers(kept[0].shape, 9), a._numbers(c.shape, 10), x, Wx, Wh, h, c, *kept

    return arguments


def plain(r, shape, dtype, comparable):
    """Numbers that keep the gates from saturating; where there is nothing to compare, now and then one that is none.

    BLAS leaves out zeros that it multiplies, whatever with, and so decides what becomes of nan.
    """
    found = np.random.default_rng(r.randint(0, 999)).standard_normal(shape) / 2
    found = (np.abs(found) if dtype.kind in "ub" else found).astype(dtype)
    if found.size and dtype.kind == "f" and not comparable and chance(r, 10):
        found.flat[r.randrange(found.size)] = r.choice((np.nan, np.inf, 6e4))
    return found


def drawn(r, gates, comparable):
    """x, Wx, Wh, b, and a state for each of h and c."""
    N, T, D, H = (r.choice(sizes) for sizes in ((2, 1, 3, 0, 70), (2, 1, 3, 0), (3, 1, 8), (4, 1, 17, 40)))
    dtype = any_dtype(r)
    x = (N, T, D) if chance(r, 80) else (N, D)
    shapes = [x, (D, gates * H), (H, gates * H), (gates * H,), (N, H), (N, H)]
    return [plain(r, shape, dtype, comparable) for shape in shapes]


def forward(r, *, comparable=False):
    """A batch of sequences, the parameters of an LSTM, mostly, and its state."""
    gates = r.choice((4, 4, 1, 3))
    arrays = drawn(r, gates, comparable)
    return arrays if gates == 4 else arrays[:5]


def backward(r, *, comparable=False):
    """The gradients of what that gives, with all that it was given."""
    x, Wx, Wh, b, h, c = drawn(r, 4, comparable)
    hs, cs, kept = fl.reference.recurrent_forward(x, Wx, Wh, b, h, c)
    dhs, dc = (plain(r, shape, hs.dtype, comparable) for shape in (hs.shape, c.shape))
    return [dhs, dc, x, Wx, Wh, h, c, hs, cs, kept]


def of_layer(gates):
    def generate(r, *, comparable=False):
        """Sequences, and parameters for them."""
        return drawn(r, gates, comparable)[:4]

    return generate


def cell(r, gates, comparable):
    """x and a state for one step; the cell is made by `made`."""
    x, _, _, _, h, c = drawn(r, gates, comparable)
    return [x, h, c] if gates == 4 else [x, h]


def both_ways(r, *, comparable=False):
    """Sequences, and parameters for each way."""
    x, *parameters = of_layer(4)(r, comparable=comparable)
    return [x, *parameters, *[np.array(p) for p in parameters]]


def terms(*args, **options):
    """Sums of numbers of about one, over few steps."""
    forward = len(args) < 10
    return [100.0] * (3 if forward else 6)


ENTRIES = (
    Function(
        "recurrent_forward",
        (),
        forward_call(),
        forward,
        large=forward_call(3),
        sums=terms,
        of_layer=True,
    ),
    Function(
        "recurrent_backward",
        (),
        backward_call(),
        backward,
        large=backward_call(3),
        sums=terms,
        of_layer=True,
    ),
    *(
        Layer(
            f"Time{name}",
            lambda a: (sequences(a),),
            lambda a, gates=gates: weights(a, gates),
            of_layer(gates),
            kind="sequence",
            options={"stateful": True},
        )
        for name, gates in GATES.items()
    ),
    Layer(
        "TimeBiLSTM",
        lambda a: (sequences(a),),
        lambda a: [*weights(a, 4), *weights(a, 4)],
        both_ways,
        kind="sequence",
        options={"stateful": True},
    ),
    *(
        Layer(
            name,
            lambda a, gates=gates: (a.x, *(a.dout for _ in range(2 if gates == 4 else 1))),
            lambda a, gates=gates: weights(a, gates),
            lambda r, gates=gates, comparable=False: cell(r, gates, comparable),
            lambda r, gates=gates: drawn(r, gates, True)[1:4],
            kind="node",
        )
        for name, gates in GATES.items()
    ),
)
