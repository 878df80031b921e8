"""Input that means harm: labels out of range, memory shared or short, large sizes, what only looks like numbers."""

import inspect
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import families
import kit
import numpy as np
import pytest
import short_of_memory
from strategies import AskedError, Refusing, masked

import fastlayers as fl
from fastlayers import functional, reference

# Labels

LABEL_FUNCTIONS = ("softmax_cross_entropy", "softmax_with_loss", "cross_entropy_error")


def labels_out_of_range(dtype, classes):
    """One label, mostly the limits of the dtype; those that are in range are left out."""
    limits = np.iinfo(dtype)
    wrong = {limits.min, limits.max, -1, classes, classes + 1, 2**31, 2**32, 2**32 + 1, -(2**31), 2**63, -(2**63)}
    return sorted(label for label in wrong if limits.min <= label <= limits.max and not 0 <= label < classes)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("dtype", kit.INTEGERS)
@pytest.mark.parametrize("name", LABEL_FUNCTIONS)
def test_labels_of_every_integer_dtype_out_of_range_on_both_sides(implementation, name, dtype, swapped):
    for classes in (1, 3, 10, 100):
        for label in labels_out_of_range(dtype, classes):
            for row in (0, 4, 21):
                t = np.zeros(22, np.dtype(dtype).newbyteorder() if swapped else dtype)
                t[row] = label
                for x in (np.zeros((22, classes), np.float32), np.zeros((22, classes), np.float16)):
                    kit.Bad(name, (x, t), ValueError, (f"label {label} at row {row}", f"[0, {classes})")).check()


@pytest.mark.parametrize("dtype", kit.INTEGERS)
def test_labels_out_of_range_reach_layer_and_network_as_the_same_error(implementation, dtype):
    x, t = np.zeros((3, 4), np.float32), np.array([0, 3, np.iinfo(dtype).max], dtype)
    layer = fl.SoftmaxWithLoss()
    network = fl.Sequential([fl.Affine(np.ones((4, 4), np.float32))], layer)
    for call in (layer.forward, network.loss, network.accuracy, network.gradient):
        with pytest.raises(ValueError, match=rf"label {t[2]} at row 2 is outside \[0, 4\)"):
            call(x, t)
    assert vars(layer) == vars(layer) | {"loss": None, "y": None, "t": None, "_dx": None}


# Memory that input and output share; what is merely shifted is in test_out.py

REORDERED = {
    "backwards": lambda a: a[::-1, ::-1],
    "rows backwards": lambda a: a[::-1],
    "transposed": lambda a: a.T,
}


@pytest.mark.parametrize("how", REORDERED)
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(("name", "which"), families.ARGUMENTS)
def test_out_is_an_input_in_another_order(implementation, name, which, dtype, how):
    """As if they were apart, for each result that has the shape of a square input."""
    args = list(families.common_call(name, dtype, rows=3, columns=3))
    true = kit.arrays(kit.call(name, *args))
    for i, result in enumerate(true):
        if (args[which].shape, args[which].dtype) == (result.shape, result.dtype) == ((3, 3), result.dtype):
            source = args[which].copy()
            targets = [None] * len(true)
            targets[i] = REORDERED[how](source)
            given = [source if j == which else a for j, a in enumerate(args)]
            ours = kit.arrays(kit.call(name, *given, out=targets[0] if len(true) == 1 else tuple(targets)))
            assert ours[i] is targets[i]
            for a, b in zip(ours, true, strict=True):
                kit.assert_same(np.array(a), b)


def test_out_whose_elements_overlap_each_other_is_refused(implementation):
    """It could not hold the result."""
    memory = np.full(12, np.nan, np.float32)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for strides in ((0, 4), (4, 4), (16, 0), (8, 4), (-4, 4)):
        out = np.ndarray((3, 4), np.float32, memory, 8 if min(strides) < 0 else 0, strides)
        kit.Bad("relu", (x,), ValueError, ("overlap each other",), {"out": out}).check()
    assert np.isnan(memory).all()
    for out in (np.ndarray((3, 4), np.float32, memory, 0, (4, 12)), np.broadcast_to(memory[:0], (3, 0))):
        y = fl.relu(x[:, : out.shape[1]], out=out if out.size else None)
        kit.assert_same(np.array(y), x[:, : out.shape[1]])


# What only looks like numbers


@pytest.mark.parametrize(("name", "i"), families.EVERY_ARGUMENT)
def test_what_holds_no_real_numbers_is_refused(implementation, name, i):
    args = families.common_call(name)
    is_optional = [p.default for p in inspect.signature(getattr(fl, name)).parameters.values()][i] is None
    for value in kit.NOT_REAL.values():
        if value is not None or not is_optional:
            given = (*args[:i], value, *args[i + 1 :])
            kit.Bad(name, given, TypeError, (np.asarray(value).dtype.name,)).check()


@pytest.mark.parametrize(("name", "i"), families.ARGUMENTS)
def test_masked_entries_are_refused(implementation, name, i):
    """They stand for no number; an array without any is as good as a plain one."""
    args = families.common_call(name)
    given = [masked(a, some=True) if i == j else a for j, a in enumerate(args)]
    kit.Bad(name, tuple(given), ValueError, ("masked",)).check()
    given = [masked(a, some=False) if i == j else a for j, a in enumerate(args)]
    for a, b in zip(kit.arrays(kit.call(name, *given)), kit.arrays(kit.call(name, *args)), strict=True):
        kit.assert_same(a, b)


def test_out_with_masked_entries_is_refused(implementation):
    out = masked(np.full(3, np.nan), some=True)
    kit.Bad("relu", (np.ones(3),), ValueError, ("out for y", "masked"), {"out": out}).check()
    assert np.isnan(out.data).all()


def test_need_dx_is_asked_before_anything_else(implementation):
    args = np.array(["a"]), np.ones((2, 3)), np.ones((3, 4))
    for functions in (functional, reference):
        with pytest.raises(AskedError):
            functions.affine_backward(*families.common_call("affine_backward"), need_dx=Refusing())
        with pytest.raises(AskedError):
            functions.affine_backward(*args, need_dx=Refusing())


@pytest.mark.parametrize("make", [fl.MulLayer, fl.AddLayer])
def test_nodes(make):
    x = np.ones((2, 3))
    for dout in (np.ones(3), np.ones((2, 1)), np.ones((1, 2, 3)), [1.0]):
        layer = make()
        layer.forward(x, x)
        with pytest.raises(ValueError, match=r"dout of shape .* does not fit the output of shape \(2, 3\)"):
            layer.backward(dout)
    for numbers in ((2, 3), (x, 3)):
        layer = make()
        layer.forward(*numbers)
        for dout in ("ab", [2], None, 1j):
            with pytest.raises((TypeError, ValueError)):
                layer.backward(dout)
    layer = make()
    assert layer.forward(Fraction(1, 2), x).dtype == float  # and not object


def test_nodes_that_fail_keep_what_they_had():
    for layer, last in ((fl.MulLayer(), (2.0, 6.0)), (fl.AddLayer(), (2.0, 2.0))):
        layer.forward(3, 1.0)
        with pytest.raises(OverflowError):
            layer.forward(np.ones(2), 10**400)
        assert layer.backward(2.0) == last


def test_the_loss_is_scaled_by_one_number(implementation):
    layer = fl.SoftmaxWithLoss()
    layer.forward(np.zeros((2, 2)), [0, 1])
    dx = layer.backward()
    for half in (0.5, np.float32(0.5), np.array(0.5), Fraction(1, 2)):
        kit.assert_same(layer.backward(half), dx / 2)
    for dout, error in (
        ([1, 2], ValueError),
        ("1", TypeError),
        (1j, TypeError),
        (None, TypeError),
        (10**400, ValueError),
    ):
        with pytest.raises(error, match="dout"):
            layer.backward(dout)


# Sizes


@pytest.mark.parametrize("name", ["relu", "relu_forward", "sigmoid_forward", "softmax"])
def test_more_than_any_memory_holds(implementation, name):
    """A stride of 0 makes large arrays of little memory; they are refused as NumPy refuses them."""
    for shape in ((2**46,), (2**31, 2**15)):
        with pytest.raises(MemoryError):
            kit.call(name, np.broadcast_to(np.float32(1), shape))


@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_large_shapes_that_do_not_fit_are_told_at_once(implementation, name):
    """And not only when memory for them has run out."""
    args = families.common_call(name)
    for i in range(len(args) if len(args) > 1 and not families.FUNCTION[name].any_shapes else 0):
        huge = np.broadcast_to(args[i].ravel()[0], (2**40, 2**10))
        kit.Bad(name, (*args[:i], huge, *args[i + 1 :]), ValueError, ("(1099511627776, 1024)", "does not fit")).check()


def test_rows_without_classes_need_no_memory_however_many_they_are(implementation):
    for shape in ((2**40, 0), (2**60, 0), (0, 2**40)):
        y = fl.softmax(np.empty(shape, np.float32))
        assert (y.shape, y.dtype) == (shape, np.float32)


# Memory that is short


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer takes more than any limit")
@pytest.mark.parametrize(
    "backend", [pytest.param("reference", marks=pytest.mark.exhaustive), *(["cython"] if kit.LEVELS else [])]
)
def test_without_memory_nothing_is_half_written(backend):
    script = Path(short_of_memory.__file__)
    environment = os.environ | short_of_memory.ENVIRONMENT
    ran = subprocess.run(
        [sys.executable, script, backend], env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    failures = dict(line.rsplit(": ", 1) for line in ran.stdout.splitlines())
    with fl.use_backend(backend):
        assert list(failures) == [name for name, _ in short_of_memory.cases()]
        functions = short_of_memory.functions()
    assert all(failures[f"{name}, reversed"] != "0" for name in functions)  # memory was short indeed
    assert all(
        failures[f"{name}.update, {which}"] != "0" for name in families.OPTIMIZERS for which in ("first", "second")
    )
