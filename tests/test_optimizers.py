"""Optimizers against their formulas written out, for lists and dictionaries; errors change nothing."""

import contextlib
import copy
import pickle
import threading
import warnings

import kit
import numpy as np
import pytest
from update_rules import OPTIMIZERS, problem

import fastlayers as fl
from fastlayers import optimizers
from fastlayers._core import backend

pytestmark = pytest.mark.usefixtures("implementation")

DTYPES = (np.float16, *kit.FAST, np.longdouble)


every_optimizer = pytest.mark.parametrize(("make", "formula"), OPTIMIZERS.values(), ids=OPTIMIZERS)


@every_optimizer
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("as_dict", [False, True])
def test_formula(make, formula, dtype, as_dict):
    params, steps = problem(dtype, 7)
    start, optimizer = [p.copy() for p in params], make()
    for grads in steps:
        kept = [g.copy() for g in grads]
        if as_dict:  # in any order, and the gradients of other things may be there too
            optimizer.update(dict(zip("Wb", params, strict=True)), {"b": grads[1], "other": 0, "W": grads[0]})
        else:
            optimizer.update(params, grads)
        for grad, before in zip(grads, kept, strict=True):
            kit.assert_same(grad, before)
    for i, param in enumerate(params):
        assert param.dtype == dtype
        true = formula(start[i].astype(np.longdouble), [grads[i].astype(np.longdouble) for grads in steps])
        eps = max(float(np.finfo(dtype).eps), float(np.finfo(float).eps))
        np.testing.assert_allclose(param.astype(float), true.astype(float), rtol=100 * eps, atol=100 * eps)


@every_optimizer
@pytest.mark.parametrize("kind", [float, np.float64])
def test_floats_in_a_dictionary_are_bound_anew(make, formula, kind):
    optimizer, W = make(), kit.numbers((4, 3), np.float64)
    params = {"x": kind(-7.0), "W": W}
    steps = [{"x": kind(g), "W": np.ones_like(W)} for g in (-0.7, 0.3, 2.0)]
    for grads in steps:
        optimizer.update(params, grads)
    assert type(params["x"]) is kind
    assert params["W"] is W
    assert optimizer.t == 3
    np.testing.assert_allclose(params["x"], float(formula(np.longdouble(-7), [g["x"] for g in steps])), rtol=1e-14)
    before = dict(params)
    with pytest.raises(ValueError, match="grads has no entry for the parameter 'x'"):
        optimizer.update(params, {"W": W})
    assert params == before


def test_defaults_and_names():
    assert vars(fl.SGD()) == {"lr": 0.01, "weight_decay": 0.0, "clip_norm": None, "t": 0}
    assert (fl.Momentum().lr, fl.Momentum().momentum) == (0.01, 0.9)
    assert (fl.Adam().lr, fl.Adam().beta1, fl.Adam().beta2, fl.Adam().eps) == (0.001, 0.9, 0.999, 1e-8)
    assert (optimizers.SGD, optimizers.Momentum, optimizers.Adam) == (fl.SGD, fl.Momentum, fl.Adam)


@every_optimizer
@pytest.mark.parametrize("layout", [layout for layout in kit.LAYOUTS if layout != "read-only"])
def test_layouts_of_parameters(make, formula, layout):
    (plain, _), [(grad, _)] = problem()
    param = kit.LAYOUTS[layout](plain)
    make().update([param], [kit.LAYOUTS[layout](grad)])
    np.testing.assert_allclose(np.array(param).astype(float), formula(plain, [grad]), rtol=1e-12)


@every_optimizer
@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
def test_parameters_of_no_dimension_and_of_no_element(make, formula, shape):
    param, grad = np.full(shape, 2.0), np.full(shape, 0.5)
    make().update([param], [grad])
    np.testing.assert_allclose(param, formula(np.full(shape, 2.0), [grad]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_reference_optimizers_use_the_pure_path_whatever_the_backend(name, monkeypatch):
    (param, _), [(grad, _)] = problem()
    ours, twin = param.copy(), param.copy()
    getattr(fl, name)().update([ours], [grad])
    monkeypatch.setattr(backend, "kernels", None)
    getattr(fl.reference, name)().update([twin], [grad])
    np.testing.assert_allclose(ours, twin, rtol=1e-13)


@every_optimizer
def test_no_parameters(make, formula):
    make().update([], [])
    make().update({}, {})


@every_optimizer
@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_gradients_change_nothing(make, formula, dtype):
    """A unit that is never active has gradients of exactly 0."""
    param = np.array([1.0, 2.0], dtype)
    for optimizer in (make(), type(make())()):
        for _ in range(3):
            optimizer.update([param], [np.zeros(2, dtype)])
    kit.assert_same(param, np.array([1.0, 2.0], dtype))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(
    ("make", "name"), [(fl.Momentum, "v"), (fl.Adam, "m"), (lambda lr: fl.Adam(lr, beta2=0.9), "v")]
)
def test_what_is_no_longer_moved_comes_to_rest(make, name, dtype):
    """A state that shrinks to nine tenths with each step would end as a subnormal number, and be slow for ever."""
    params, optimizer = [np.ones((2, 3), dtype)], make(0.1)
    optimizer.update(params, [np.full((2, 3), 1e-3, dtype)])
    steps = int(np.log(np.finfo(dtype).tiny) / np.log(0.9)) + 1
    for _ in range(steps):
        optimizer.update(params, [np.zeros((2, 3), dtype)])
    kit.assert_same(getattr(optimizer, name)[0], np.zeros((2, 3), dtype))


@pytest.mark.parametrize("make", [fl.Momentum, fl.Adam])
def test_float16_moves_by_subnormal_steps(make):
    param, optimizer = np.zeros(3, np.float16), make(0.1)
    optimizer.update([param], [np.full(3, 1e-4, np.float16)])
    assert (param < 0).all()


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.longdouble, np.int8, np.uint8, np.int64, np.bool_])
def test_gradients_of_another_dtype(make, formula, dtype):
    """They count as the numbers that they are: the square of an int8 is not an int8."""
    param, grad = kit.numbers((2,), np.float32), np.array([100, 1], dtype)
    true = formula(param.astype(float), [grad.astype(float)])
    make().update([param], [grad])
    assert param.dtype == np.float32
    np.testing.assert_allclose(param, true, rtol=1e-3 if dtype is np.float16 else 1e-5)


GOOD = np.ones((2, 3))
READ_ONLY = kit.LAYOUTS["read-only"](GOOD)
BAD = {
    "fewer gradients": (lambda p: [p, GOOD.copy()], [GOOD], ValueError, "params has 2 arrays but grads has 1"),
    "more gradients": (lambda p: [p], [GOOD, GOOD], ValueError, "params has 1 arrays but grads has 2"),
    "missing key": (lambda p: {"W": p, "b": p.copy()}, {"W": GOOD}, ValueError, "no entry for the parameter 'b'"),
    "list and dict": (lambda p: [p], {0: GOOD}, TypeError, "both be lists or both be dictionaries"),
    "dict and list": (lambda p: {0: p}, [GOOD], TypeError, "both be lists or both be dictionaries"),
    "shape": (lambda p: [p, GOOD.copy()], [GOOD, GOOD.T], ValueError, r"gradient 1 has shape \(3, 2\).*\(2, 3\)"),
    "gradient that would broadcast": (lambda p: [p, GOOD.copy()], [GOOD, GOOD[0]], ValueError, r"\(3,\).*\(2, 3\)"),
    "scalar gradient": (lambda p: [p, GOOD.copy()], [GOOD, 1.0], (TypeError, ValueError), "gradient 1"),
    "integer parameter": (
        lambda p: [p, np.ones(2, int)],
        [GOOD, np.ones(2)],
        TypeError,
        "parameter 1 .* floats.* int64",
    ),
    "complex parameter": (lambda p: [p, np.ones(2, complex)], [GOOD, np.ones(2)], TypeError, "complex128"),
    "list parameter": (lambda p: [p, [1.0, 2.0]], [GOOD, np.ones(2)], TypeError, "ndarray of floats.* list"),
    "no gradient yet": (lambda p: [p, GOOD.copy()], [GOOD, None], (TypeError, ValueError), "gradient 1"),
    "complex gradient": (lambda p: [p, np.ones(2)], [GOOD, np.ones(2, complex)], TypeError, "gradient 1"),
    "string gradient": (lambda p: [p, np.ones(2)], [GOOD, np.array(["a", "b"])], TypeError, "gradient 1"),
    "read-only": (lambda p: {"W": p, "b": READ_ONLY}, {"W": GOOD, "b": GOOD}, ValueError, "parameter 'b' is read-only"),
}


def state(optimizer):
    return copy.deepcopy(vars(optimizer))


@every_optimizer
@pytest.mark.parametrize(("params", "grads", "error", "message"), BAD.values(), ids=BAD)
def test_errors_leave_everything_unchanged(make, formula, params, grads, error, message):
    """The faulty one comes last: the good one before it is as it was, and so is the optimizer."""
    param, optimizer = GOOD.copy(), make()
    before = repr(state(optimizer))
    with pytest.raises(error, match=message):
        optimizer.update(params(param), grads)
    kit.assert_same(param, GOOD)
    assert repr(state(optimizer)) == before


@every_optimizer
@pytest.mark.parametrize("param", [[1.0], None, np.ones(1, int), READ_ONLY[:1, 0]])
def test_errors_of_a_later_update(make, formula, param):
    """As at the first, so also when there is state already."""
    optimizer, good = make(), np.ones(1)
    optimizer.update([good, np.ones(1)], [np.ones(1), np.ones(1)])
    before, kept = repr(state(optimizer)), good.copy()
    with pytest.raises((TypeError, ValueError), match="parameter 1"):
        optimizer.update([good, param], [np.ones(1), np.ones(1)])
    kit.assert_same(good, kept)
    assert repr(state(optimizer)) == before


@every_optimizer
def test_a_parameter_that_is_its_own_gradient(make, formula):
    param = np.array([1.0, -2.0])
    make().update([param], [param])
    np.testing.assert_allclose(param, formula(np.array([1.0, -2.0]), [np.array([1.0, -2.0])]))


@every_optimizer
def test_gradients_given_as_lists(make, formula):
    """They may be taken as arrays or refused, but not after something was written."""
    params = [np.ones(2), np.ones(2)]
    grads = [np.ones(2), [1.0, 2.0]]
    refused = isinstance(kit.outcome(make().update, params, grads), tuple)
    for param, grad in zip(params, grads, strict=True):
        np.testing.assert_allclose(param, np.ones(2) if refused else formula(np.ones(2), [np.array(grad)]))


def test_a_parameter_that_another_thread_changes_meanwhile():
    """While the first is updated without the GIL, the second is made to look four times as long."""
    large, small = np.zeros(20_000_000, np.float32), np.zeros(1 << 18, np.float32)
    running = threading.Event()

    def disturb():
        running.wait()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            small.dtype = np.int8

    thread = threading.Thread(target=disturb)
    thread.start()
    running.set()
    with contextlib.suppress(TypeError):  # where the thread was first
        fl.SGD(0.1).update([large, small], [large, small.view(np.float32)])
    thread.join()
    assert small.nbytes == 4 << 18


@pytest.mark.parametrize("make", [fl.SGD, fl.Momentum])
def test_small_steps_of_float16_gradients_are_taken(make):
    param = np.zeros((2, 3), np.float32)
    make(1e-4).update([param], [np.full((2, 3), 1e-4, np.float16)])
    np.testing.assert_allclose(param, -1e-8, rtol=1e-3)


@pytest.mark.parametrize("make", [lambda: fl.SGD(0.1, weight_decay=0.1), fl.Momentum, fl.Adam, fl.AdamW])
def test_parameters_that_share_memory_are_updated_as_in_the_reference(make):
    """Every step is worked out before any is written."""
    ours, true = ([np.ones((2, 3)), np.full((2, 3), 0.5)] for _ in range(2))
    twin = getattr(fl.reference, type(make()).__name__)
    for params, optimizer in ((ours, make()), (true, twin(**{k: v for k, v in vars(make()).items() if k in KNOWN}))):
        tied, grad = params
        for _ in range(3):
            optimizer.update([tied, tied, grad], [grad, grad * 2, tied])
    for a, b in zip(ours, true, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


KNOWN = ("lr", "momentum", "beta1", "beta2", "eps", "weight_decay")


class Noted(fl.Momentum):
    """An optimizer with an attribute that is not in its dictionary."""

    __slots__ = ("note",)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copy_has_the_slots_of_a_subclass(copied):
    optimizer = Noted()
    optimizer.note = "mine"
    assert copied(optimizer).note == "mine"
