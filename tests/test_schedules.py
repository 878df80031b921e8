"""Schedules against their formulas, what they refuse, and optimizers that follow them."""

import copy
import math
import pickle

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers import schedules
from fastlayers.schedules import CosineDecay, ExponentialDecay, InverseTimeDecay, StepDecay

SCHEDULES = {
    "StepDecay": (StepDecay(0.3, 7, 0.5), lambda s: 0.3 * 0.5 ** (s // 7)),
    "ExponentialDecay": (ExponentialDecay(0.3, 0.9, 4), lambda s: 0.3 * 0.9 ** (s / 4)),
    "InverseTimeDecay": (InverseTimeDecay(0.3, 0.75), lambda s: 0.3 / (s + 1) ** 0.75),
    "CosineDecay": (
        CosineDecay(0.3, 50, 10, 0.1),
        lambda s: 0.3 * (s + 1) / 10 if s < 10 else 0.1 + 0.2 * math.cos(math.pi * min((s - 10) / 40, 1) / 2) ** 2,
    ),
}
every_schedule = pytest.mark.parametrize(("schedule", "formula"), SCHEDULES.values(), ids=SCHEDULES)


@every_schedule
def test_formula(schedule, formula):
    for step in (*range(120), 10_000):
        assert math.isclose(schedule(step), formula(step), rel_tol=1e-14, abs_tol=1e-300)


@every_schedule
def test_rates_are_floats_that_never_rise_after_the_warm_up(schedule, formula):
    rates = [schedule(step) for step in range(10, 200)]
    assert all(type(rate) is float and rate >= 0 for rate in rates)
    assert rates == sorted(rates, reverse=True)
    assert 0 <= schedule(10**12) <= rates[-1]  # nor is there an overflow


@every_schedule
def test_they_compare_by_their_numbers_and_travel(schedule, formula):
    for twin in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule)), eval(repr(schedule), vars(schedules))):
        assert twin == schedule
        assert hash(twin) == hash(schedule)
        assert twin is not None
    assert schedule != type(schedule)(*[0.2, *list(vars(schedule).values())[1:]])


def test_every_schedule_is_here():
    assert set(SCHEDULES) == set(schedules.__all__)


def test_numbers_of_any_kind_are_kept_as_plain_ones():
    schedule = CosineDecay(np.float32(0.5), np.int8(9), np.uint8(2), np.array(0.25))
    assert schedule == CosineDecay(0.5, 9, 2, 0.25)
    assert [type(value) for value in vars(schedule).values()] == [float, int, int, float]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StepDecay(-0.1, 5), ValueError, "lr must be finite, and 0 or more, not -0.1"),
        (lambda: StepDecay(np.nan, 5), ValueError, "lr must be finite, and 0 or more, not nan"),
        (lambda: StepDecay("0.1", 5), TypeError, "lr must hold real numbers"),
        (lambda: StepDecay(0.1, 0), ValueError, "every must be 1 or more, not 0"),
        (lambda: StepDecay(0.1, 2.5), TypeError, "every must be an integer, not float"),
        (lambda: StepDecay(0.1, 5, 0), ValueError, r"factor must lie in \(0, 1\], not 0.0"),
        (lambda: ExponentialDecay(0.1, 1.5), ValueError, r"factor must lie in \(0, 1\], not 1.5"),
        (lambda: ExponentialDecay(0.1, 0.5, -1), ValueError, "every must be 1 or more, not -1"),
        (lambda: ExponentialDecay(np.inf, 0.5), ValueError, "lr must be finite, and 0 or more, not inf"),
        (lambda: InverseTimeDecay(0.1, -1), ValueError, "power must be finite, and 0 or more, not -1.0"),
        (lambda: CosineDecay(0.1, 0), ValueError, "steps must be 1 or more, not 0"),
        (lambda: CosineDecay(0.1, 5, -1), ValueError, "warmup must be 0 or more, not -1"),
        (lambda: CosineDecay(0.1, 5, 5), ValueError, "warmup must be less than steps=5, not 5"),
        (lambda: CosineDecay(0.1, 5, end=-1), ValueError, "end must be finite, and 0 or more, not -1.0"),
    ],
)
def test_what_they_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


# In an optimizer


class Rising:
    """A schedule that is an object, of a user's own."""

    def __call__(self, step):
        return float("inf")


def optimizers(owner, lr):
    return owner.SGD(lr), owner.Momentum(lr), owner.Adam(lr), owner.AdamW(lr)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("which", range(4))
def test_an_optimizer_follows_its_schedule(which):
    """As if the rate were set by hand before each update, which are counted from 0."""
    schedule = CosineDecay(0.5, 6, 2)
    ours, true = kit.numbers((4, 3), np.float64), kit.numbers((4, 3), np.float64)
    following, led = optimizers(fl, schedule)[which], optimizers(fl, 0.0)[which]
    for step in range(8):
        led.lr = schedule(step)
        grad = kit.numbers((4, 3), np.float64, step)
        following.update([ours], [grad])
        led.update([true], [grad])
        kit.assert_same(ours, true)
    assert following.lr is schedule


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("which", range(4))
def test_an_update_that_fails_is_not_counted(which):
    seen = []

    def schedule(step):
        seen.append(step)
        return np.float32(0.5)  # of any kind of number

    optimizer, param = optimizers(fl, schedule)[which], np.ones(2)
    optimizer.update([param], [np.ones(2)])
    with pytest.raises(ValueError, match="gradient 0 has shape"):
        optimizer.update([param], [np.ones(3)])
    optimizer.update({0: param}, {0: np.ones(2)})
    assert seen == [0, 1, 1]
    assert optimizer.t == 2


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [
        (lambda step: "0.1", TypeError, "lr must hold real numbers"),
        (lambda step: None, TypeError, "lr must hold real numbers"),
        (lambda step: np.ones(2), ValueError, r"lr must be one number, not an array of shape \(2,\)"),
        (lambda step: [][step], IndexError, "list index out of range"),
        (
            lambda step: np.nan,
            ValueError,
            "lr must be finite, and 0 or more, not nan, which .*<lambda> gave after 0 upd",
        ),
        (lambda step: -0.5, ValueError, "lr must be finite, and 0 or more, not -0.5, which .*<lambda> gave after 0"),
        (Rising(), ValueError, "lr must be finite, and 0 or more, not inf, which Rising gave after 0 updates"),
    ],
)
def test_a_schedule_that_gives_no_number(which, rate, error, message):
    for owner in (fl, fl.reference):
        optimizer, param = optimizers(owner, rate)[which], np.ones((2, 2))
        with pytest.raises(error, match=message):
            optimizer.update([param], [np.ones((2, 2))])
        np.testing.assert_array_equal(param, 1)
        assert optimizer.t == 0
