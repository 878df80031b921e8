"""Both paths agree, on input drawn at random: values, dtypes, shapes, layouts, warnings, errors and their messages."""

import warnings

import families
import kit
import numpy as np
import pytest
from calls import any_call, any_layer, any_optimizer, drawn, is_error, silently
from family import Arrays
from guarded import Arena

import fastlayers as fl

pytestmark = [
    pytest.mark.usefixtures("implementation"),
    pytest.mark.thread_unsafe(reason="catches warnings"),
    pytest.mark.filterwarnings("ignore:overflow encountered in cast"),  # where arguments are made
]

TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-13}  # no kernel takes others: there is one path


def observed(function, *args):
    """What comes of it, and what NumPy warned of.

    But not of a product: BLAS multiplies the memory for its result by 0, and a warning depends on what lay there.
    """
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        result = function(*args)
    return result, {(w.category, str(w.message)) for w in caught if not str(w.message).endswith("encountered in dot")}


def assert_agree(ours, true, sizes=None, rtol=None):
    """Equal errors, or results of equal kind, dtype, shape and layout that are near each other.

    `sizes` tells of each how large the terms of its sums were: they are held to that, else each number to its own.
    `rtol` is by default that of the dtype.
    """
    if is_error(ours) or is_error(true):
        assert ours == true
        return
    ours, true = kit.flat(ours), kit.flat(true)
    for a, b, size in zip(ours, true, sizes or [0] * len(true), strict=True):
        assert type(a) is type(b)
        if isinstance(b, (np.ndarray, np.generic)):
            assert_near(np.asarray(a), np.asarray(b), size, rtol)
        elif isinstance(b, float):  # the loss, of terms in the precision of dx, of which subnormal ones may be flushed
            dtype = true[-1].dtype if isinstance(true[-1], np.ndarray) else np.dtype(float)
            flushed = 1000 * float(np.finfo(dtype).tiny) if dtype.kind == "f" else 0
            assert a == pytest.approx(b, rel=rtol or tolerance(dtype), abs=flushed, nan_ok=True)
        else:
            assert a == b


def tolerance(dtype):
    return TOLERANCE.get(dtype.newbyteorder("="), 0)


def assert_near(a, b, size, rtol=None):
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    assert (a.flags.c_contiguous, a.flags.f_contiguous) == (b.flags.c_contiguous, b.flags.f_contiguous)
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    rtol = rtol or tolerance(a.dtype)
    with np.errstate(all="ignore"):
        atol = rtol * np.nan_to_num(size, posinf=0) + (np.finfo(a.dtype).tiny if rtol else 0)
        near = np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) <= rtol * np.abs(b) + atol)
        # What comes to the largest number, within what rounding may do, may be infinite on one path.
        edge = np.finfo(a.dtype).max * (1 - rtol) if rtol else np.inf
        near |= (np.sign(a) == np.sign(b)) & (np.minimum(np.abs(a), np.abs(b)) >= edge)
    np.testing.assert_array_equal(np.where(near, b, a), b)


def terms(name, call, owner, true):
    """For each result of a successful call how large its terms were; None where each number is one."""
    sums = families.FUNCTION[name].sums
    if callable(sums):
        return sums(*call.args, **call.kwargs)
    if sums == "products":
        return kit.flat(silently(call.absolute().of, owner))
    if sums == "gradients":
        return [largest(call.args[:1]) for _ in kit.flat(true)]
    if sums == "targets":
        return [largest(call.args[-1:]) for _ in kit.flat(true)]
    return None


def largest(arrays):
    """The largest finite number of all that are arrays, or 1."""
    arrays = [np.asarray(a) for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind in "iuf"]
    return max((float(np.max(np.abs(a), initial=1, where=np.isfinite(a))) for a in arrays), default=1)


# Functions


def kept(outcome):
    """A result as it is now: the memory that it is in may be written to again."""
    if is_error(outcome):
        return outcome
    parts = tuple(part.copy(order="K") if isinstance(part, np.ndarray) else part for part in kit.flat(outcome))
    return parts if isinstance(outcome, tuple) else parts[0]


def run_guarded(arena, call, owner):
    """The outcome of a call; it writes to nothing but what it gives back, and gives back what was to be written to."""
    before = arena.state()
    outcome, warned = observed(call.of, owner)
    assert arena.is_unchanged(before, but=[] if is_error(outcome) else call.outs())
    for target in [] if is_error(outcome) else call.outs():
        assert any(part is target for part in kit.flat(outcome))
    outcome = kept(outcome)
    arena.restore(before)
    return outcome, warned


@pytest.mark.parametrize("name", families.FUNCTION)
@drawn
def test_functions(name, r):
    """Any arrays in any form, results in any place; mostly they go together."""
    arena = Arena()
    call = any_call(r, arena, name, comparable=True)
    (ours, our_warnings), (true, true_warnings) = (run_guarded(arena, call, f) for f in (fl.functional, fl.reference))
    assert our_warnings == true_warnings
    # Statistics in float64 of what is of float32 are as near as that.
    rtol = tolerance(kit.flat(true)[-1].dtype) if name.startswith("batch") and not is_error(true) else None
    assert_agree(ours, true, None if is_error(true) else terms(name, call, fl.reference, true), rtol)
    if name.startswith("relu") and not is_error(true):
        for a, b in zip(kit.flat(ours), kit.flat(true), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))


# Layers, optimizers


def attributes(layer):
    """What a user may read of it, if it is an array that the layer has made."""
    values = {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    return {name: value for name, value in values.items() if name in ("y", "dW", "db", "mask", "out")}


@pytest.mark.parametrize("name", families.LAYERS)
@drawn
def test_layers(name, r):
    """Call by call the same results, errors and attributes; and no input is written to."""
    arena = Arena()
    made, calls = any_layer(r, arena, name, comparable=True)
    before = arena.state()
    ours, true = (kit.outcome(getattr(owner, name), *made) for owner in (fl, fl.reference))
    if is_error(true):
        assert ours == true
        return
    rtol = 2e-6  # whatever the dtype: a result may be of an earlier one, of a narrower dtype
    forward = 1.0  # how large the numbers of a loss were, of which its backward is
    for call in calls:
        (a, our_warnings), (b, true_warnings) = observed(call.of, ours), observed(call.of, true)
        assert our_warnings == true_warnings
        kind = families.LAYER[name].kind
        size = {"affine": 100, "convolution": 1000, "normalization": 1000, "sequence": 100}.get(kind)
        size = 1000 if "Attention" in name else size or largest(call.args)  # which multiplies three numbers
        if families.LAYER[name].is_loss:
            forward = size if call.name == "forward" else forward
            size *= forward if call.name == "backward" else 1
        assert_agree(a, b, None if is_error(b) else [size] * len(kit.flat(b)), rtol)
        fast, pure = attributes(ours), attributes(true)
        assert_agree(tuple(fast.values()), tuple(pure.values()), [size] * len(pure), rtol)
    assert arena.is_unchanged(before)


@pytest.mark.parametrize("name", families.OPTIMIZERS)
@drawn
def test_optimizers(name, r):
    """The same parameters after each update, or the same error; and but for the parameters nothing is written to."""
    arena = Arena()
    made, options, calls = any_optimizer(r, arena, name, comparable=True)
    start, after = arena.state(), []
    for owner in (fl, fl.reference):
        arena.restore(start)
        optimizer = getattr(owner, name)(*made, **options)
        sizes = {}
        after.append([update(arena, optimizer, call, sizes) for call in calls])
    for (ours, our_params), (true, true_params) in zip(*after, strict=True):
        assert ours == true
        for (a, _), (b, size) in zip(our_params, true_params, strict=True):
            assert_near(a, b, size)


def update(arena, optimizer, call, sizes):
    """What one update gave and warned of, and the parameters after it.

    With each comes how large its terms have been since the first update, the largest of the parameter and its
    gradients, which `sizes` has by the parameter.
    """
    params, grads = (list(a.values()) if isinstance(a, dict) else a for a in call.args)
    pairs = zip(params, grads, strict=False) if all(isinstance(a, (list, tuple)) for a in (params, grads)) else ()
    params = []
    for param, grad in pairs:
        if isinstance(param, np.ndarray) and param.dtype.kind == "f":
            params.append(param)
            sizes[id(param)] = max(sizes.get(id(param), 1), largest([param, kit.outcome(np.asarray, grad)]))
    before = arena.state()
    outcome = observed(call.of, optimizer)
    assert arena.is_unchanged(before, but=[] if is_error(outcome[0]) else params)
    return outcome, [(np.array(p), sizes[id(p)]) for p in params]


# Floating-point warnings

QUIET = [name for name in families.FUNCTIONS if families.FUNCTION[name].quiet]


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize("name", QUIET)
def test_no_floating_point_warning_at_any_value(name, dtype):
    """Whatever the user's ``np.seterr``: here every flag that NumPy looks at would raise."""
    special = kit.specials(dtype)
    rows = np.array([[a, b, 0] for a in special for b in special], dtype)
    args = families.FUNCTION[name].arguments(Arrays(x=special if name in families.ELEMENTWISE else rows))
    with np.errstate(all="raise"):
        agree_quietly = kit.call(name, *args)
    with np.errstate(all="ignore"):
        for a, b in zip(kit.flat(agree_quietly), kit.flat(kit.reference(name, *args)), strict=True):
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", ["sigmoid_backward", "affine_forward", "affine_backward"])
@pytest.mark.parametrize("value", [0, 1e-30, 1e30, np.inf, np.nan])
def test_floating_point_warnings_are_those_of_the_reference(name, dtype, value):
    """A user who asks NumPy to raise gets the same answer on both paths; of underflow our products tell nothing."""
    under = "ignore" if name.startswith("affine") else "raise"
    args = families.common_call(name, dtype)
    for i in range(len(args)):
        for fill in (value, -value):
            odd = [a.copy() for a in args]
            odd[i][..., 0] = fill
            odd[-1][..., 0] = fill
            with np.errstate(all="raise", under=under):
                ours, true = kit.outcome(kit.call, name, *odd), kit.outcome(kit.reference, name, *odd)
            failed = [isinstance(o, tuple) and isinstance(o[0], type) and o for o in (ours, true)]
            assert failed[0] == failed[1]


def test_sums_over_a_batch_are_as_accurate_in_both(implementation):
    dout = np.full((100_003, 3), 0.1, np.float32)
    for functions in (fl, fl.reference):
        *_, db = functions.affine_backward(dout, np.zeros((len(dout), 1), np.float32), np.zeros((1, 3), np.float32))
        np.testing.assert_allclose(db, len(dout) * float(np.float32(0.1)), rtol=1e-7)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sums_that_overflow_do_so_in_silence(implementation, dtype):
    largest, inf = np.finfo(dtype).max, dtype(np.inf)
    one, zero = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    with np.errstate(all="raise"):
        assert fl.affine_forward(one * largest, one, one[0] * largest) == inf
        *_, db = fl.affine_backward(np.array([[largest], [largest]]), np.zeros((2, 1), dtype), zero)
    assert db == inf
