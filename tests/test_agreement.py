"""Both paths agree, on input drawn at random: values, dtypes, shapes, layouts, errors and their messages."""

import numpy as np
import pytest
import zoo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastlayers as fl

moderately = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-13}

dtypes = st.sampled_from([*zoo.FAST * 4, *zoo.REAL])
shapes = st.one_of(
    st.lists(st.integers(0, 6), max_size=4).map(tuple),
    st.tuples(st.sampled_from(zoo.SIZES)),
    st.tuples(st.integers(0, 4), st.sampled_from(zoo.SIZES)),
)
layouts = st.sampled_from(["contiguous"] * 4 + ["fortran"] * 2 + list(zoo.LAYOUTS))
seeds = st.integers(0, 2**16)


@st.composite
def arrays(draw, shape=None, dtype=None, *, sums=False, weights=False):
    """Numbers of a drawn shape, dtype and layout, now and then with special values among them.

    For `sums` the largest numbers are left out: whether those overflow depends on the order of adding.
    `weights` are at or above 0, and finite: an infinite one times a probability that may be flushed to 0 is anything.
    """
    dtype = np.dtype(draw(dtypes) if dtype is None else dtype)
    array = zoo.numbers(draw(shapes) if shape is None else shape, dtype, draw(seeds))
    array = np.asarray(np.abs(array)) if weights else array
    if dtype.kind == "f" and array.size and draw(st.integers(0, 3)) == 0:
        places = draw(st.lists(st.integers(0, array.size - 1), max_size=4))
        special = [np.nan] if weights else [np.nan, np.inf, -np.inf] if sums else list(zoo.specials(dtype))
        values = st.sampled_from(special)
        array.flat[places] = draw(st.lists(values, min_size=len(places), max_size=len(places)))
    return zoo.LAYOUTS[draw(layouts)](array)


def agree(name, *args, exact=False, **kwargs):
    """The implementation in use gives what the reference gives, or raises what it raises."""
    inputs = [np.array(a) for a in args]
    with np.errstate(all="ignore"):
        ours = zoo.outcome(zoo.call, name, *args, **kwargs)
        true = zoo.outcome(zoo.reference, name, *args, **kwargs)
    for before, after in zip(inputs, args, strict=True):
        np.testing.assert_array_equal(before, after)
    if isinstance(true, tuple) and isinstance(true[0], type):
        assert ours == true
        return
    # Products, and gradients that are differences, are held to the size of their terms; else each value to its own.
    sums = {
        "affine_forward": (0,),
        "affine_backward": (0, 1, 2),
        "softmax_cross_entropy": (1,),
        "softmax_with_loss": (2,),
    }
    for i, (a, b) in enumerate(zip(zoo.flat(ours), zoo.flat(true), strict=True)):
        assert type(a) is type(b)
        if isinstance(b, float):  # the loss, of terms in the precision of dx, of which subnormal ones may be flushed
            dtype = zoo.flat(true)[-1].dtype
            flushed = 1000 * float(np.finfo(dtype).tiny)
            assert a == pytest.approx(b, rel=TOLERANCE.get(dtype, 0), abs=flushed, nan_ok=True)
        elif exact and b is not None:
            zoo.assert_same(a, b)
        elif b is not None:
            assert_near(a, b, i in sums.get(name, ()))


def assert_near(a, b, is_sum):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert (a.flags.c_contiguous, a.flags.f_contiguous) == (b.flags.c_contiguous, b.flags.f_contiguous)
    rtol = TOLERANCE.get(a.dtype)
    if rtol is None:  # no kernel takes it: there is one path
        np.testing.assert_array_equal(a, b)
    else:
        size = float(np.max(np.abs(b[np.isfinite(b)]), initial=1.0)) if is_sum else 0.0
        np.testing.assert_allclose(a, b, rtol=rtol, atol=max(rtol * size, float(np.finfo(a.dtype).tiny)))


pytestmark = pytest.mark.usefixtures("implementation")


@moderately
@given(st.data())
@pytest.mark.parametrize("name", ["relu", "relu_forward", "sigmoid_forward", "softmax"])
def test_of_one_array(name, data):
    x = data.draw(arrays())
    axis = {"axis": data.draw(st.integers(-x.ndim - 1, x.ndim))} if name == "softmax" else {}
    agree(name, x, exact=name.startswith("relu"), **axis)


@moderately
@given(st.data())
def test_relu_backward(data):
    dout = data.draw(arrays())
    mask = data.draw(arrays(dout.shape if data.draw(st.integers(0, 5)) else None, np.bool_))
    agree("relu_backward", dout, mask, exact=True)


@moderately
@given(st.data())
def test_sigmoid_backward(data):
    dout = data.draw(arrays())
    y = data.draw(arrays(dout.shape, dout.dtype if data.draw(st.booleans()) else None))
    agree("sigmoid_backward", dout, y)


@moderately
@given(st.data())
@pytest.mark.parametrize("name", ["affine_forward", "affine_backward"])
def test_affine(name, data):
    n, d, m = (data.draw(st.integers(0, 20)) for _ in range(3))
    one_dtype = data.draw(st.none() | st.sampled_from(zoo.FAST))
    samples = data.draw(st.sampled_from([(n, d), (n, d), (n, 2, d), (2 * d,)]))
    inputs = 2 * d if len(samples) != 2 else d
    x, W = (data.draw(arrays(shape, one_dtype, sums=True)) for shape in (samples, (inputs, m)))
    y_shape = (m,) if len(samples) == 1 else (n, m)
    if name == "affine_forward":
        b = data.draw(st.none() | arrays((m,), one_dtype, sums=True))
        agree(name, x, W, *[b] if b is not None else [])
    else:
        agree(name, data.draw(arrays(y_shape, one_dtype, sums=True)), x, W, need_dx=data.draw(st.booleans()))


@moderately
@given(st.data())
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "softmax_with_loss"])
def test_loss(name, data):
    batch = st.tuples(st.integers(0, 9), st.sampled_from([1, 2, 3, 10, 16, 33, 129]))
    shape = data.draw(batch | st.tuples(st.integers(1, 20)))
    x = data.draw(arrays(shape))
    if data.draw(st.booleans()):
        dtype = data.draw(st.sampled_from([*zoo.FAST, np.bool_, np.int64]))
        t = data.draw(arrays(shape, dtype, weights=True))
    else:
        top = shape[-1] + data.draw(st.sampled_from([0, 0, 0, 1]))
        labels = np.random.default_rng(data.draw(seeds)).integers(0, top, shape[:-1])
        t = zoo.LAYOUTS[data.draw(layouts)](labels.astype(data.draw(st.sampled_from(zoo.INTEGERS))))
    agree(name, x, t)


@moderately
@given(st.data())
@pytest.mark.parametrize("name", zoo.FUNCTIONS)
def test_of_any_arrays_at_all(name, data):
    """Mostly nonsense: both refuse in the same words, or both find the same meaning in it."""
    kind = {"sums": name.startswith("affine"), "weights": name.startswith("softmax_cross")}
    agree(name, *[data.draw(arrays(**kind)) for _ in zoo.common_call(name)], exact=name.startswith("relu"))


# Floating-point warnings

QUIET = ("relu", "relu_forward", "relu_backward", "sigmoid_forward", "softmax", "softmax_cross_entropy")


@pytest.mark.parametrize("dtype", zoo.FLOATS)
@pytest.mark.parametrize("name", QUIET)
def test_no_floating_point_warning_at_any_value(name, dtype):
    """Whatever the user's ``np.seterr``: here every flag that NumPy looks at would raise."""
    special = zoo.specials(dtype)
    rows = np.array([[a, b, 0] for a in special for b in special], dtype)
    x = rows if name.startswith("softmax") else special
    other = {"relu_backward": [x > 0], "softmax_cross_entropy": [np.arange(len(x)) % 3]}.get(name, [])
    with np.errstate(all="raise"):
        agree_quietly = zoo.call(name, x, *other)
    with np.errstate(all="ignore"):
        for a, b in zip(zoo.flat(agree_quietly), zoo.flat(zoo.reference(name, x, *other)), strict=True):
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", ["sigmoid_backward", "affine_forward", "affine_backward"])
@pytest.mark.parametrize("value", [0, 1e-30, 1e30, np.inf, np.nan])
def test_floating_point_warnings_are_those_of_the_reference(name, dtype, value):
    """A user who asks NumPy to raise gets the same answer on both paths."""
    args = zoo.common_call(name, dtype)
    for i in range(len(args)):
        for fill in (value, -value):
            odd = [a.copy() for a in args]
            odd[i][..., 0] = fill
            odd[-1][..., 0] = fill
            with np.errstate(all="raise"):
                ours, true = zoo.outcome(zoo.call, name, *odd), zoo.outcome(zoo.reference, name, *odd)
            failed = [isinstance(o, tuple) and isinstance(o[0], type) and o for o in (ours, true)]
            assert failed[0] == failed[1]


def test_sums_over_a_batch_are_as_accurate_in_both(implementation):
    dout = np.full((100_003, 3), 0.1, np.float32)
    for functions in (fl, fl.reference):
        *_, db = functions.affine_backward(dout, np.zeros((len(dout), 1), np.float32), np.zeros((1, 3), np.float32))
        np.testing.assert_allclose(db, len(dout) * float(np.float32(0.1)), rtol=1e-7)


@pytest.mark.parametrize("dtype", zoo.FAST)
def test_sums_that_overflow_do_so_in_silence(implementation, dtype):
    largest, inf = np.finfo(dtype).max, dtype(np.inf)
    one, zero = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    with np.errstate(all="raise"):
        assert fl.affine_forward(one * largest, one, one[0] * largest) == inf
        *_, db = fl.affine_backward(np.array([[largest], [largest]]), np.zeros((2, 1), dtype), zero)
    assert db == inf
