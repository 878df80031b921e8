"""What the report measures runs and agrees with its peers, and its page and plots come out. Nothing is timed."""

from typing import Any

import alone
import goals_fits
import goals_machine
import goals_sequences
import growth
import limits
import page
import peers
import predictions
import pytest
import readme
import reinforcement
import step_profile
from goals import Bound, Line, PerElement, Race, Sweep, digits
from goals_control import CONTROL
from goals_dtypes import AND_A_PASS, DTYPES, ONE_DTYPE
from goals_fits import FITS
from goals_image_layers import LAYERS, SQUARE, products
from goals_images import IMAGES, LENET
from goals_kernels import KERNELS
from goals_loss import LABELS, WEIGHTED
from goals_machine import MACHINE
from goals_networks import NETWORKS, TRAINING
from goals_products import LOOP
from goals_sequences import BOOKS_CELL, CELL, SEQUENCES
from goals_words import WORDS
from language_models import LanguageModel
from test_kernels import LARGEST_UNTIMED

from fastlayers.command import cases

RACES = [
    goal
    for goal in (*KERNELS, *NETWORKS, *DTYPES, *FITS, *IMAGES, *LAYERS, *WORDS, *SEQUENCES, *CONTROL)
    if isinstance(goal, Race)
]
CALLS = [
    *((f"{race.goal} {race.what}", race.calls, race.nbytes) for race in RACES),
    *(
        (f"{sweep.goal} {sweep.what} {where}", calls, 0)
        for sweep in KERNELS
        if isinstance(sweep, Sweep)
        for where, calls in sweep.calls.items()
    ),
]
KNOWN = limits.Machine({"float32": 2e9}, {"float32": (1e9, "ours")}, {2**10: 8e9, 2**20: 4e9})


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("what", "calls", "nbytes"), CALLS, ids=[what for what, _, _ in CALLS])
def test_calls_agree_and_run(what: str, calls: Any, nbytes: int, request: pytest.FixtureRequest) -> None:
    if request.config.option.benchmark_disable and nbytes > LARGEST_UNTIMED:
        pytest.skip("a large array, and timing is disabled")
    made = calls()
    if not made:
        pytest.skip(f"not installed: one of {', '.join(reinforcement.MODULES)}")
    for call in made.values():
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
    assert alone.ask("steps", number=10)["traced"] == 0
    env = {"FASTLAYERS_ISA": "baseline", "NPY_DISABLE_CPU_FEATURES": goals_machine.beyond("baseline")}
    found = alone.ask("tanh", env=env, sizes=[[10]], pace=0.0)
    assert (found["level"], len(found["times"])) == ("baseline", len(cases.DTYPES))
    with alone.Worker(1, {0}) as worker:
        assert worker.time((8, 8, 4), 2, 0.0) > 0


@pytest.mark.usefixtures("compiled")
def test_fits_and_estimators_agree_and_run() -> None:
    for calls in (goals_fits.fitting(32, 800), goals_fits.on_images(32, 800), goals_fits.on_digits(1)):
        for call in calls.values():
            call.timer().timeit(1)


@pytest.mark.usefixtures("compiled")
def test_training_steps_of_a_language_model_agree_and_run() -> None:
    for call in goals_sequences.training(LanguageModel(50, 8, 6, 3, 4)).values():
        call.timer().timeit(1)


@pytest.mark.usefixtures("compiled")
def test_a_step_is_all_its_kernels_and_what_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "machine", lambda: KNOWN)
    kernels = step_profile.kernels_of(cases.Network((5, 4, 3), 2))
    assert [name.split()[1] for name in kernels] == [
        *("affine_forward", "relu_forward", "affine_forward", "softmax_with_loss"),
        *("affine_backward", "relu_backward", "affine_backward", "sgd_update"),
    ]
    lines = step_profile.measure(0.0).lines
    assert [line.what for line in lines[-3:]] == [
        "between the kernels",
        "the step, as one call",
        "the step, layer by layer",
    ]


@pytest.mark.usefixtures("compiled")
def test_a_line_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "machine", lambda: KNOWN)
    line = limits.beside(Line(1, "it", "", "", "", ""), 4e-6, limits.Work(4e3, 0))
    assert (line.floor, line.share) == (pytest.approx(2e-6), pytest.approx(0.5))
    assert page.cells(line)[-2:] == ("2.00 us", "50%")
    assert KNOWN.seconds(limits.Work(0, 2**10)) == pytest.approx(2**10 / 8e9)
    assert KNOWN.seconds(limits.Work(0, 2**30)) == pytest.approx(2**30 / 4e9)
    net = cases.Network((3, 2), 5)
    assert limits.training(net).flops - limits.training(net, update=False).flops == 2 * 3 * 2
    assert limits.training(net, need_dx=True).flops - limits.training(net).flops == 2 * 5 * 3 * 2


@pytest.mark.usefixtures("compiled")
def test_a_network_of_images_has_its_limit() -> None:
    network = LENET(2)
    first, weights = 24 * 24 * 6 * 2 * 25, 8 * 8 * 16 * 150 + 256 * 120 + 120 * 84 + 84 * 10
    predicted, trained = (work(network.summary(), 2) for work in (limits.predicting_images, limits.training_images))
    assert predicted.flops == pytest.approx(2 * (first + 2 * weights), rel=0.03)  # activations and poolings beside
    assert trained.flops == pytest.approx(2 * (2 * first + 3 * 2 * weights), rel=0.06)  # and an update
    assert network.nbytes() == 8 * 2 * 24 * 24 * 25  # of 8 * 8 * 150 are the second
    assert predicted.nbytes == 4 * (sum(W.size + b.size for W, b in network.parameters("float32")) + 2 * (784 + 10))


def test_operations_as_the_time_of_a_square_product() -> None:
    assert products(SQUARE**3).share == 0.5
    assert products(SQUARE**3 / 100).timeit(1) > 0


@pytest.mark.usefixtures("compiled")
def test_the_machine_is_measured() -> None:
    found = limits.machine.__wrapped__(2**-14)
    for dtype in cases.DTYPES:
        loop = limits.loop(dtype, 1e6)
        assert loop is None or loop.timeit(1) > 0
        assert found.peak(dtype) > 1e8
    assert min(found.bandwidth.values()) > 1e7


def test_every_goal_is_measured_and_named() -> None:
    assert {goal.goal for goal in (*RACES, *MACHINE, step_profile.PROFILE)} == set(page.TITLES) == set(page.NOTES)
    # a bound on a peer that no one measures would be reported as not installed
    known = {"np.negative", "np.copyto", "np.dot", "NumPy", ONE_DTYPE, AND_A_PASS, *predictions.PREDICTIONS}
    known |= {LABELS, WEIGHTED, LOOP, CELL, BOOKS_CELL, goals_fits.SCIKIT_LEARN}
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
    assert (missing.ratio, missing.met) == ("not measured", None)
    assert Bound("a copy", least=1, ours="a layer").line(6, "it", times).figure == ""
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
    assert {bound.line(6, race.what, times).ratio for bound in race.bounds} == {"1.00", "not measured"}
    for race in (IMAGES[-1], LAYERS[0]):
        assert "ONNX Runtime" in {bound.peer for bound in race.bounds}
        assert set(race.calls()) - {"np.dot"} == {"fastlayers", "the book's NumPy"}


def test_page_and_plots(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plots = pytest.importorskip("plots", exc_type=ImportError)
    monkeypatch.setattr(page, "machine", lambda: iter(["- CPU: one"]))  # to measure it takes seconds
    sizes = {10: 1e-7, 1000: 1e-6, 10**6: 1e-3}
    contenders = dict.fromkeys(("fastlayers", "reference", "np.copyto", "PyTorch"), sizes)
    step = {"fastlayers": 1e-5, "PyTorch": 2e-4, "JAX jit": 9e-6}
    times = {
        "growth": dict.fromkeys(growth.KERNELS, contenders),
        "products": dict.fromkeys(growth.PRODUCTS, dict.fromkeys(("fastlayers", "NumPy", "np.dot"), sizes)),
        "training step 64-32-10 @16": step,
        "prediction 8-64-64-4 @1": step,
        "10 floats": step,
        "training step 784-50-10 @100, float64": {"fastlayers": 2e-4, ONE_DTYPE: 1e-4},  # of no plot
    }
    pictures = plots.draw(times, tmp_path / "benchmarks")
    assert set(pictures) == set(page.PICTURES)
    line = Line(1, "relu, 10 floats", "1.00 us", "np.negative", "0.90 us", "1.11", "≤ 1", False)
    lines = [line, line._replace(goal=6, met=True), line._replace(met=None)]
    page.write(lines, pictures, tmp_path / "benchmarks.md", quick=True)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "1 of 2 goals met, 1 not measured" in text
    assert "**missed**" in text
    assert "quick run" in text
    for name in pictures:
        assert f"(benchmarks/{name}.png)" in text
        assert (tmp_path / "benchmarks" / f"{name}.png").stat().st_size > 1000


def test_figures_of_the_readme(tmp_path: Any) -> None:
    names = dict.fromkeys([*readme.CONTENDERS, "ONNX Runtime", "NumPy"], 2e-6)
    times: dict[str, Any] = {what: names | {"fastlayers": 1e-6} for what in readme.TRAINED}
    times[readme.PREDICTED.what] = {"NumPy": 3e-6, "ONNX Runtime": 2e-6, "fastlayers": 4.4e-7}
    path = tmp_path / "README.md"
    path.write_text(readme.README.read_text(encoding="utf-8"), encoding="utf-8")
    readme.write(times, path)
    text = path.read_text(encoding="utf-8")
    assert "| 64-32-10, 16 | 2.00 us | **1.00 us** | 2.00 us |" in text
    assert "of 8-64-64-4 takes 440 ns, where ONNX Runtime takes 2.00 us and NumPy 3.00 us." in text
    readme.write(times, path)
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace("<!-- bench: training steps -->", ""), encoding="utf-8")
    with pytest.raises(ValueError, match="training steps"):
        readme.write(times, path)
