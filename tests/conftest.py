"""How much of each test runs: a sample by default, all of it with ``--all``; and the fixtures that the tests share.

Every test that asks for `implementation` runs over the reference and the best level that this machine runs, with
``--all`` over each level. Of the cases of a test, which are each value of each of its parameters with each of the
others', a sample runs in which each value comes once (`sampling`); with ``--all`` every one.
"""

import functools
import inspect
import sys

import kit
import own_layers
import pytest
import ranks
import sampling
import steps

import fastlayers as fl
from fastlayers._core import backend

# With pytest-run-parallel a test runs on several threads at once; but on one alone where what it uses changes the
# process, or is made once for all of them and written to. (The plugin itself knows monkeypatch, capsys and the like.)
MODULES_FOR_ONE = {"doctest", "tracemalloc"}
FIXTURES_FOR_ONE = {"no_switching", "settings_put_back", "layer", "model", "folder", "forge", "checkout"}


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="every case of every test, on every instruction set")
    parser.addoption("--rest", action="store_true", help="of --all, what a run without it has not done already")


def pytest_configure(config):
    config.addinivalue_line("markers", "thread_unsafe(reason): in a run with parallel threads, run on one alone")
    config.addinivalue_line("markers", "exhaustive: run only with --all, or where a test is asked for by name")
    kit.SHORT = not runs_all(config)
    kit.REST = config.option.rest and not config.option.all


def pytest_generate_tests(metafunc):
    """Bind `implementation` and `level`: with ``--all``, or where tests are asked for by name, to every one."""
    every = runs_all(metafunc.config)
    bound = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    for name, values in {"implementation": kit.IMPLEMENTATIONS, "level": kit.TESTED}.items():
        if name in metafunc.fixturenames and name not in bound:
            best = [value for value in values if value in ("reference", *kit.BEST)]
            if kit.REST:
                values = (
                    best if metafunc.module.__name__ in LEVELS_ARE_ALIKE else [v for v in values if v not in LOWEST]
                )
                if (metafunc.module.__name__, metafunc.function.__name__) in WITH_THE_REFERENCE:
                    values = [value for value in values if value != "reference"]
            metafunc.parametrize(name, values if every else best, indirect=True)


# What `--rest` leaves to `--all` and the session `test-isa`: the lowest of three levels, which few processors are held
# to, and of these files all but the best, since they look at what is the same source in each, or one module for all.
LOWEST = kit.TESTED[:-2]
LEVELS_ARE_ALIKE = {
    "test_hostile",
    "test_hostile_optimizers",
    "test_kernels",
    "test_memory",
    "test_out",
    "test_recycling",
}
# These hold an implementation to the reference; the reference itself they leave to what a run without options does.
WITH_THE_REFERENCE = {("test_agreement", name) for name in ("test_functions", "test_layers", "test_optimizers")}


def runs_all(config):
    """Whether nothing is left out: who names a test, or picks cases by a word, means all that fits."""
    return (
        config.option.all
        or config.option.rest
        or bool(config.option.keyword)
        or any("::" in argument for argument in config.args)
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if used := MODULES_FOR_ONE & {*vars(item.module)} | FIXTURES_FOR_ONE & {*item.fixturenames}:
            item.add_marker(pytest.mark.thread_unsafe(reason=f"uses {', '.join(sorted(used))}"))
    if not runs_all(config) or config.option.rest:
        chosen = sampling.sample(items)
        if config.option.rest:
            chosen = {item for item in items if item not in chosen or does_less_when_short(item.module)}
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = [item for item in items if item in chosen]


@functools.cache
def does_less_when_short(module):
    """Whether the cases of a module are not the same in a short run: of fewer points, calls or examples."""
    return any(word in inspect.getsource(module) for word in ("kit.SHORT", "kit.amount", "import points", "@drawn"))


@pytest.fixture
def implementation(request):
    """The name of the implementation that `fastlayers` is bound to while the test runs, on as many threads as it may.

    A level whose module is not there is an error, not a skip: where kernels are expected, a build
    that quietly went without them must not pass. ``FASTLAYERS_TEST_PURE=1`` says that none are expected.
    """
    before = backend.kernels
    backend.kernels = kit.kernels_of(request.param)
    if request.param != "reference":
        backend.kernels.set_num_threads(fl.get_num_threads())
    yield request.param
    backend.kernels = before


@pytest.fixture
def level(request):
    """A compiled level's module, by itself; it may be set to any number of threads."""
    module = kit.kernels_of(request.param)
    yield module
    module.set_num_threads(fl.get_num_threads())


@pytest.fixture
def compiled(level, monkeypatch):
    """A level is what networks run on."""
    monkeypatch.setattr(backend, "kernels", level)


@pytest.fixture
def no_switching():
    """A thread keeps the GIL until it gives it up: so another one runs when a kernel has released it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture(params=steps.LAYERS)
def layer(request, implementation):
    """Each layer with memory, gone forward once."""
    layer = steps.make(request.param)
    steps.forward(layer)
    return layer


@pytest.fixture(params=steps.STEPS)
def step(request):
    return steps.STEPS[request.param]


@pytest.fixture(params=own_layers.WAYS.values(), ids=own_layers.WAYS)
def own(request):
    """A class of layers of a user's own, in each way to say what is trained."""
    return request.param


@pytest.fixture
def iris():
    import estimators  # which needs scikit-learn

    return estimators.iris()


@pytest.fixture
def without_mpi4py(monkeypatch):
    """Ranks of threads need nothing of mpi4py, which may not be there."""
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", ranks.MPI)
