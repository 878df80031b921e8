"""Optimizers given what does not fit: the same error on both paths, and nothing written; what fits in an odd form."""

import copy
from fractions import Fraction

import families
import kit
import numpy as np
import pytest
from strategies import masked

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

every_optimizer = pytest.mark.parametrize("name", families.OPTIMIZERS)


def updated(owner, name, *factors, params=None, grads=None, steps=2):
    """The parameters after some updates, and the optimizer; or the error, and both as they were."""
    params = [kit.numbers((3, 4), np.float64), kit.numbers((4,), np.float64, 1)] if params is None else params
    grads = [np.array(p) / 4 for p in params] if grads is None else grads
    optimizer, start = getattr(owner, name)(*factors), copy.deepcopy(params)
    for _ in range(steps):
        raised = kit.outcome(optimizer.update, params, grads)
        if raised is not None:
            assert all(map(np.array_equal, map(np.asarray, params), map(np.asarray, start)))
            return raised
    return params


def assert_alike(name, *factors, **given):
    ours, true = (updated(owner, name, *factors, **copy.deepcopy(given)) for owner in (fl, fl.reference))
    if isinstance(true, tuple):
        assert ours == true
    else:
        for a, b in zip(ours, true, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-12)
    return ours


@every_optimizer
@pytest.mark.parametrize("lr", [np.float32(0.1), np.float64(0.1), 1, True, Fraction(1, 8), np.array(0.1), np.int8(1)])
def test_a_factor_may_be_any_real_number(name, lr):
    """And is that number as a float: in float32 Adam's corrections would lose half their digits."""
    plain = updated(fl, name, float(lr))
    for a, b in zip(assert_alike(name, lr), plain, strict=True):
        np.testing.assert_array_equal(a, b)
    if name.startswith("Adam"):
        assert_alike(name, 0.1, np.float32(0.9), np.float32(0.99), np.float32(1e-8))


@every_optimizer
@pytest.mark.parametrize(
    ("lr", "error", "words"),
    [
        ("0.1", TypeError, "lr must hold real numbers"),
        (None, TypeError, "lr must hold real numbers"),
        (0.1j, TypeError, "lr must hold real numbers"),
        (np.array([0.1]), ValueError, r"lr must be one number, not an array of shape (1,)"),
        (10**400, ValueError, "lr is too large for a float"),
    ],
)
def test_a_factor_that_is_no_number(name, lr, error, words):
    raised = assert_alike(name, lr)
    assert raised[0] is error
    assert words in raised[1]


@pytest.mark.parametrize("beta", [1.0, 1, -0.1, 2.0, np.nan, np.inf])
def test_the_decay_of_a_mean_lies_between_0_and_1(beta):
    for name, factors in (("beta1", (0.1, beta, 0.9)), ("beta2", (0.1, 0.9, beta))):
        raised = assert_alike("Adam", *factors)
        assert raised == (ValueError, f"{name} must lie in [0, 1), not {float(beta)}")


def updated_with(owner, name, **options):
    """The parameters after an update of this optimizer; or the error, and nothing written."""
    params, optimizer = [kit.numbers((3, 4), np.float64), np.ones(4)], getattr(owner, name)(**options)
    before = copy.deepcopy(params)
    raised = kit.outcome(optimizer.update, params, [np.ones((3, 4)), np.ones(4)])
    if raised is None:
        return params
    assert all(map(np.array_equal, params, before))
    assert optimizer.t == 0
    return raised


@every_optimizer
@pytest.mark.parametrize("option", ["weight_decay", "clip_norm"])
@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.float64(0.5), 1, True, Fraction(1, 8), np.array(0.5), np.int8(1)]
)
def test_decay_and_norm_may_be_any_real_number(name, option, value):
    ours, true, plain = (
        updated_with(owner, name, **{option: number})
        for owner, number in ((fl, value), (fl.reference, value), (fl, float(value)))
    )
    for a, b, c in zip(ours, true, plain, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_allclose(a, b, rtol=1e-12)


@every_optimizer
@pytest.mark.parametrize(
    ("options", "raised"),
    [
        ({"weight_decay": -0.1}, (ValueError, "weight_decay must be finite, and 0 or more, not -0.1")),
        ({"weight_decay": np.nan}, (ValueError, "weight_decay must be finite, and 0 or more, not nan")),
        ({"weight_decay": np.float32(np.inf)}, (ValueError, "weight_decay must be finite, and 0 or more, not inf")),
        ({"weight_decay": None}, (TypeError, "weight_decay must hold real numbers, not object (from a NoneType)")),
        ({"weight_decay": 10**400}, (ValueError, "weight_decay is too large for a float")),
        ({"clip_norm": 0.0}, (ValueError, "clip_norm must be finite, and more than 0, not 0.0")),
        ({"clip_norm": -1}, (ValueError, "clip_norm must be finite, and more than 0, not -1.0")),
        ({"clip_norm": np.nan}, (ValueError, "clip_norm must be finite, and more than 0, not nan")),
        ({"clip_norm": np.inf}, (ValueError, "clip_norm must be finite, and more than 0, not inf")),
        ({"clip_norm": "1"}, (TypeError, "clip_norm must hold real numbers, not str8 (from a str)")),
        ({"clip_norm": np.ones(2)}, (ValueError, "clip_norm must be one number, not an array of shape (2,)")),
        (
            {"weight_decay": -1.0, "clip_norm": -1.0},
            (ValueError, "weight_decay must be finite, and 0 or more, not -1.0"),
        ),
    ],
)
def test_a_decay_or_norm_that_is_none(name, options, raised):
    for owner in (fl, fl.reference):
        kind, message = updated_with(owner, name, **options)
        assert (kind, message.replace("str32", "str8")) == raised


@pytest.mark.parametrize(
    ("nesterov", "shown"),
    [(1, "int 1"), (0, "int 0"), (None, "NoneType"), ("no", "str 'no'"), (1.0, "float 1.0"), (np.ones(1), "ndarray")],
)
def test_nesterov_is_true_or_false(nesterov, shown):
    for owner in (fl, fl.reference):
        raised = updated_with(owner, "Momentum", nesterov=nesterov)
        assert raised == (TypeError, f"nesterov must be True or False, not {shown}")
        for flag in (True, False):
            assert not isinstance(updated_with(owner, "Momentum", nesterov=np.bool_(flag)), tuple)


@pytest.mark.parametrize("t", [-1, -2, -1.5, np.nan])
def test_adam_at_a_step_that_there_is_not(t):
    """Someone has set it: whatever comes of it, comes of it on both paths."""
    outcomes = []
    for owner in (fl, fl.reference):
        optimizer, param = owner.Adam(), np.ones(3)
        optimizer.t = t
        outcomes.append((kit.outcome(optimizer.update, [param], [np.ones(3)]), param))
    assert outcomes[0][0] == outcomes[1][0]
    np.testing.assert_array_equal(outcomes[0][1], outcomes[1][1])


@pytest.mark.parametrize("eps", [0, 0.0, 1e-300, -1.0])
@pytest.mark.parametrize("dtype", [np.float16, *kit.FAST])
def test_adam_leaves_an_idle_parameter_alone_without_eps(dtype, eps):
    """Its gradient has always been 0, and 0 divided by 0 would be nan."""
    [param] = assert_alike("Adam", 0.1, 0.9, 0.99, eps, params=[np.ones(3, dtype)], grads=[np.zeros(3, dtype)])
    np.testing.assert_array_equal(param, 1)


@every_optimizer
def test_a_subclass_is_updated_as_a_plain_array(name):
    """The product of matrices is another."""
    matrix = np.arange(9.0).reshape(3, 3)
    for view in (np.matrix, kit.Tagged, np.ma.MaskedArray, np.recarray):
        [plain] = updated(fl, name, 0.1, params=[matrix.copy()])
        [param] = assert_alike(name, 0.1, params=[matrix.copy().view(view)], grads=[(matrix / 4).view(view)])
        np.testing.assert_allclose(np.asarray(param), plain, rtol=1e-12)


@every_optimizer
def test_masked_entries_are_refused(name):
    good, bad = np.ones(3), masked(np.ones(3), some=True)
    for params, grads, what in (([good, bad], [good, good], "parameter 1"), ([good, good], [good, bad], "gradient 1")):
        raised = assert_alike(name, params=params, grads=grads)
        assert raised == (ValueError, f"{what} has masked entries, which stand for no number: fill them first")


@pytest.mark.parametrize(("name", "attribute"), [("Momentum", "v"), ("Adam", "m"), ("Adam", "v")])
def test_state_that_was_tampered_with(name, attribute):
    """It is refused before anything is written."""
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    tampered = {
        "read-only": (read_only, ValueError),
        "int64": (np.zeros(3, int), TypeError),
        "list": ([0, 0, 0], TypeError),
    }
    for words, (state, error) in tampered.items():
        for owner in (fl, fl.reference):
            optimizer, params = getattr(owner, name)(), [np.ones(2), np.ones(3)]
            optimizer.update(params, params)
            start = copy.deepcopy(params)
            getattr(optimizer, attribute)[1] = state
            with pytest.raises(error, match=f"the state of parameter 1 .*{words}"):
                optimizer.update(params, params)
            np.testing.assert_array_equal(params[0], start[0])


@every_optimizer
@pytest.mark.parametrize("dtype", kit.FAST)
def test_overflow_is_silent_on_both_paths(name, dtype):
    largest = np.array([np.finfo(dtype).max, -np.inf, np.nan], dtype)
    with np.errstate(all="raise"):
        ours, true = (
            updated(owner, name, 2.0, params=[largest.copy()], grads=[-largest]) for owner in (fl, fl.reference)
        )
    np.testing.assert_array_equal(ours[0], true[0])
