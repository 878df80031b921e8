"""``out=`` of every function: forms, layouts, overlap, refusals; and that a refusal writes nothing."""

import families
import kit
import numpy as np
import pytest
from family import Arrays

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

SEVERAL = [name for name, results in families.RESULTS.items() if len(results) > 1]
SINGLE = [name for name in families.FUNCTIONS if name not in SEVERAL]
EVERY_RESULT = [(name, i) for name, results in families.RESULTS.items() for i in range(len(results))]


def expected(name, dtype=np.float64, **sizes):
    """The arguments of the common call, and the arrays that it gives without ``out``."""
    args = families.common_call(name, dtype, **sizes)
    return args, kit.arrays(kit.call(name, *args))


def filled(like):
    """Memory of the right kind that holds something else; NaN would survive a careless accumulation."""
    return np.full_like(like, np.nan if like.dtype.kind == "f" else True)


def as_out(targets):
    return targets[0] if len(targets) == 1 else tuple(targets)


def is_untouched(target):
    return bool(np.isnan(target).all() if target.dtype.kind == "f" else (target == 1).all())


@pytest.mark.parametrize("dtype", [*kit.FAST, np.longdouble])
@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_results_are_written_and_the_given_arrays_returned(name, dtype):
    args, results = expected(name, dtype)
    targets = [filled(r) for r in results]
    for out in [as_out(targets), tuple(targets)]:
        for target in targets:
            target.fill(True)
        returned = kit.arrays(kit.call(name, *args, out=out))
        assert [id(a) for a in returned] == [id(t) for t in targets]
        for target, result in zip(targets, results, strict=True):
            kit.assert_same(target, result)


@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_any_of_a_tuple_may_be_none(name):
    args, results = expected(name)
    for chosen in np.ndindex(*[2] * len(results)):
        out = tuple(filled(r) if c else None for c, r in zip(chosen, results, strict=True))
        returned = kit.arrays(kit.call(name, *args, out=out))
        for target, given, result in zip(out, returned, results, strict=True):
            assert target is None or given is target
            kit.assert_same(given, result)


@pytest.mark.parametrize("layout", [layout for layout in kit.LAYOUTS if layout != "read-only"])
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_layouts_of_out(name, dtype, layout):
    args, results = expected(name, dtype)
    targets = [kit.LAYOUTS[layout](filled(r)) for r in results]
    returned = kit.arrays(kit.call(name, *args, out=as_out(targets)))
    for target, given, result in zip(targets, returned, results, strict=True):
        assert given is target
        kit.assert_same(np.array(target).astype(result.dtype), result)


@pytest.mark.parametrize("name", families.ELEMENTWISE)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3)])
def test_out_of_no_dimension_and_of_no_element(name, shape):
    args = families.FUNCTION[name].arguments(Arrays(x=np.full(shape, 0.5)))
    results = kit.arrays(kit.call(name, *args))
    targets = [filled(r) for r in results]
    kit.call(name, *args, out=as_out(targets))
    for target, result in zip(targets, results, strict=True):
        kit.assert_same(target, result)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_])
@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_out_of_input_that_no_kernel_takes(name, dtype):
    args, _ = expected(name, np.float64)
    args = tuple(a.astype(dtype) if a.dtype == np.float64 else a for a in args)
    results = kit.arrays(kit.call(name, *args))
    targets = [np.ones_like(r) for r in results]
    kit.call(name, *args, out=as_out(targets))
    for target, result in zip(targets, results, strict=True):
        kit.assert_same(target, result)


# Refusals


def refuse(name, args, out, error, *words, kept=(), **kwargs):
    """The right error from this implementation and from the reference, and nothing written."""
    kit.Bad(name, args, error, words, {"out": out, **kwargs}).check()
    assert all(is_untouched(target) for target in kept)


@pytest.mark.parametrize(("name", "i"), EVERY_RESULT)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_out_that_does_not_fit(name, i, dtype):
    """One target at fault; the others are good, and stay as they are."""
    args, results = expected(name, dtype)
    good = [filled(r) for r in results]
    kind, shape, label = results[i].dtype, results[i].shape, families.RESULTS[name][i]

    def refused(target, error, *words):
        out = as_out([*good[:i], target, *good[i + 1 :]])
        refuse(name, args, out, error, label, *words, kept=good)

    for other in (np.float32, np.float64, np.int64, np.uint8, np.complex128, object):
        if other != kind:
            refused(np.empty(shape, other), TypeError, str(np.dtype(other)), str(kind))
    for other in ((), (1,), shape[::-1], (*shape, 1), (1, *shape), (shape[0] + 1, *shape[1:])):
        if other != shape:
            refused(np.empty(other, kind), ValueError, str(other), str(shape))
    refused(kit.LAYOUTS["read-only"](filled(results[i])), ValueError, "read-only")
    refused([[0.0] * 5] * 6, TypeError, "list")
    refused(1.0, TypeError, "float")


@pytest.mark.parametrize("name", SEVERAL)
def test_several_results_need_a_tuple_of_their_number(name):
    args, results = expected(name)
    targets = [filled(r) for r in results]
    refuse(name, args, targets[0], TypeError, "tuple", "ndarray", kept=targets)
    refuse(name, args, targets, TypeError, "tuple", "list", kept=targets)
    refuse(name, args, tuple(targets[:1]), TypeError, "a tuple of 1", kept=targets)
    refuse(name, args, (*targets, None), TypeError, f"a tuple of {len(targets) + 1}", kept=targets)
    refuse(name, args, (), TypeError, "a tuple of 0")


@pytest.mark.parametrize("name", SINGLE)
def test_one_result_needs_an_array_or_a_tuple_of_one(name):
    args, results = expected(name)
    target = filled(results[0])
    refuse(name, args, (target, None), TypeError, "a tuple of 2", kept=[target])
    refuse(name, args, (), TypeError, "a tuple of 0")
    refuse(name, args, [target], TypeError, "list", kept=[target])


@pytest.mark.parametrize("dtype", kit.FAST)
def test_results_cannot_share_memory(dtype):
    args, (y, _) = expected("relu_forward", dtype)
    target = np.full_like(y, np.nan)
    refuse("relu_forward", args, (target, target.view(bool)[:, : y.shape[1]]), ValueError, "overlap", kept=[target])
    x, W = kit.numbers((3, 3), dtype), kit.numbers((3, 3), dtype, 1)
    memory = np.full((4, 3), np.nan, dtype)
    for out in [
        (memory[:3], memory[:3], None),
        (memory[:3], memory[1:], None),
        (None, memory[:3], memory[2]),
        (memory[:3], None, memory[:3, 0]),
    ]:
        refuse("affine_backward", (x, x, W), out, ValueError, "overlap", kept=[memory])


def test_no_out_for_a_dx_that_is_not_computed():
    args, (dx, dW, db) = expected("affine_backward")
    targets = [filled(r) for r in (dx, dW, db)]
    refuse("affine_backward", args, tuple(targets), ValueError, "out[0]", "need_dx", kept=targets, need_dx=False)
    no_dx, *_ = fl.affine_backward(*args, need_dx=False, out=(None, *targets[1:]))
    assert no_dx is None
    kit.assert_same(targets[1], dW)
    kit.assert_same(targets[2], db)


@pytest.mark.parametrize("row", [0, 3, 5])
def test_a_label_at_fault_leaves_out_alone_even_where_it_is_the_input(row):
    x, labels = families.common_call("softmax_cross_entropy")
    labels[row], before, target = 5, x.copy(), filled(x)
    refuse("softmax_cross_entropy", (x, labels), target, ValueError, f"label 5 at row {row}", kept=[target])
    refuse("softmax_cross_entropy", (x, labels), x, ValueError, f"label 5 at row {row}")
    kit.assert_same(x, before)


# Overlap with the input

IN_PLACE = [(name, i) for name in families.FUNCTIONS for i in families.FUNCTION[name].in_place]


@pytest.mark.parametrize(("name", "i"), IN_PLACE)
@pytest.mark.parametrize("layout", [layout for layout in kit.LAYOUTS if layout != "read-only"])
def test_out_may_be_an_input(name, i, layout):
    args, results = expected(name, np.float32, rows=9, columns=37)
    args = [kit.LAYOUTS[layout](a) for a in args]
    out = args[i] if len(results) == 1 else (args[i], *[None] * (len(results) - 1))
    returned = kit.arrays(kit.call(name, *args, out=out))
    assert returned[0] is args[i]
    for given, result in zip(returned, results, strict=True):
        kit.assert_same(np.array(given).astype(result.dtype), result)


@pytest.mark.parametrize("shift", [-40, -3, -1, 1, 3, 40])
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(("name", "which"), families.ARGUMENTS)
def test_out_that_overlaps_an_input_in_part(name, which, dtype, shift):
    """As if it did not: in whichever direction, over whichever argument, for every result in turn."""
    args, results = expected(name, dtype, rows=19, columns=7)
    for i, result in enumerate(results):
        moved = args[which]
        memory = np.zeros(moved.nbytes + result.nbytes + 1024, np.uint8)
        start = 512
        source = memory[start : start + moved.nbytes].view(moved.dtype).reshape(moved.shape)
        start += shift * result.itemsize
        target = memory[start : start + result.nbytes].view(result.dtype).reshape(result.shape)
        source[...] = moved
        given = [source if j == which else a for j, a in enumerate(args)]
        out = as_out([target if j == i else None for j in range(len(results))])
        for part, true in zip(kit.arrays(kit.call(name, *given, out=out)), results, strict=True):
            kit.assert_same(np.array(part), true)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_in_place_over_every_axis(axis):
    x = kit.numbers((3, 4, 5), np.float64)
    y = fl.softmax(x, axis=axis)
    assert fl.softmax(x, axis=axis, out=x) is x
    kit.assert_same(x, y)
