"""What the report measures runs and agrees with its peers, and its page and plots come out. Nothing is timed."""

from typing import Any

import alone
import growth
import page
import peers
import predictions
import pytest
from goals import Bound, Line, PerElement, Race, Sweep, digits
from goals_dtypes import AND_A_PASS, DTYPES, ONE_DTYPE
from goals_kernels import KERNELS
from goals_loss import LABELS, WEIGHTED
from goals_machine import MACHINE
from goals_networks import NETWORKS, TRAINING
from test_kernels import LARGEST_UNTIMED

from fastlayers.command import cases

RACES = [goal for goal in (*KERNELS, *NETWORKS, *DTYPES) if isinstance(goal, Race)]
CALLS = [
    *((f"{race.goal} {race.what}", race.calls, race.nbytes) for race in RACES),
    *(
        (f"{sweep.goal} {sweep.what} {where}", calls, 0)
        for sweep in KERNELS
        if isinstance(sweep, Sweep)
        for where, calls in sweep.calls.items()
    ),
]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("what", "calls", "nbytes"), CALLS, ids=[what for what, _, _ in CALLS])
def test_calls_agree_and_run(what: str, calls: Any, nbytes: int, request: pytest.FixtureRequest) -> None:
    if request.config.option.benchmark_disable and nbytes > LARGEST_UNTIMED:
        pytest.skip("a large array, and timing is disabled")
    for call in calls().values():
        call.timer().timeit(1)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kernel", growth.KERNELS)
def test_growth_has_every_contender(kernel: str) -> None:
    calls = growth.contenders(kernel, 1000)
    for call in calls.values():
        call.timer().timeit(1)
    assert {"fastlayers", "np.copyto", "reference"} <= set(calls)


@pytest.mark.usefixtures("compiled")
def test_measurements_in_a_process_of_their_own() -> None:
    assert alone.ask("memory", name="relu_forward", n=10**5)["traced"] < 10**5
    assert alone.ask("allocations", steps=3)["peak"] < 10**5
    assert alone.ask("fork")[:4] in ("", "done")
    assert alone.ask("threads", sizes={"relu_forward": [1000]}, pace=0.0)["same"]
    with alone.Worker(1, {0}) as worker:
        assert worker.time((64, 8, 8, 10), 64, 0.0) > 0


def test_every_goal_is_measured_and_named() -> None:
    assert {goal.goal for goal in (*KERNELS, *NETWORKS, *DTYPES, *MACHINE)} == set(page.TITLES) == set(page.NOTES)
    # a bound on a peer that no one measures would be reported as not installed
    known = {"np.negative", "np.copyto", "np.dot", "NumPy", ONE_DTYPE, AND_A_PASS, *predictions.PREDICTIONS}
    known |= {LABELS, WEIGHTED}
    known |= {bound.peer for race in TRAINING for bound in race.bounds}
    for race in RACES:
        assert {bound.peer for bound in race.bounds if isinstance(bound, Bound)} <= known, race.what
    assert len(TRAINING) == len(cases.NETWORKS)


def test_a_bound_is_held() -> None:
    times = {"fastlayers": 2e-6, "a copy": 1e-6, "PyTorch": 5e-6}
    assert Bound("a copy", most=2).line(2, "it", times) == Line(
        2, "it", "2.00 us", "a copy", "1.00 us", "2.000000", "≤ 2", True
    )
    assert Bound("a copy", most=1.9).line(2, "it", times).met is False
    assert Bound("PyTorch", least=2.4).line(6, "it", times).ratio == "2.50"
    assert Bound("PyTorch", least=2.6).line(6, "it", times).met is False
    assert Bound("PyTorch").line(6, "it", times).met is None
    missing = Bound("JAX", least=3).line(6, "it", times)
    assert (missing.ratio, missing.met) == ("not installed", None)
    assert PerElement(1000, most=1.9, ours="fastlayers").line(2, "it", times).met is False
    least = Bound("a copy", least=1).least_line(4, "it", {"here": times, "there": times | {"a copy": 9e-6}})
    assert least.what == "it, 2 sizes; the least, here"


def test_a_ratio_is_told_from_its_limit() -> None:
    assert digits(1.2504, 1.25) == "1.2504"
    assert digits(1.2504) == "1.25"
    assert digits(115.2) == "115"
    assert digits(1234.5) == "1,234"


def test_a_peer_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "available", lambda module: module == "numpy")
    race = TRAINING[0]
    times = dict.fromkeys(race.calls(), 1.0)
    assert {bound.line(6, race.what, times).ratio for bound in race.bounds} == {"1.00", "not installed"}


def test_page_and_plots(tmp_path: Any) -> None:
    plots = pytest.importorskip("plots", exc_type=ImportError)
    sizes = {10: 1e-7, 1000: 1e-6, 10**6: 1e-3}
    contenders = dict.fromkeys(("fastlayers", "reference", "np.copyto", "PyTorch"), sizes)
    step = {"fastlayers": 1e-5, "PyTorch": 2e-4, "JAX jit": 9e-6}
    times = {
        "growth": dict.fromkeys(growth.KERNELS, contenders),
        "products": dict.fromkeys(growth.PRODUCTS, dict.fromkeys(("fastlayers", "NumPy", "np.dot"), sizes)),
        "training step 64-32-10 @16": step,
        "prediction 8-64-64-4 @1": step,
        "10 floats": step,
    }
    pictures = plots.draw(times, tmp_path / "benchmarks")
    assert set(pictures) == set(page.PICTURES)
    line = Line(1, "relu, 10 floats", "1.00 us", "np.negative", "0.90 us", "1.11", "≤ 1", False)
    lines = [line, line._replace(goal=6, met=True), line._replace(met=None)]
    page.write(lines, pictures, tmp_path / "benchmarks.md", quick=True)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "1 of 2 limits met, 1 not measured" in text
    assert "**missed**" in text
    assert "quick run" in text
    for name in pictures:
        assert f"(benchmarks/{name}.png)" in text
        assert (tmp_path / "benchmarks" / f"{name}.png").stat().st_size > 1000
