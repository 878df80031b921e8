"""Which implementation answers: the switches, the environment, the report, kernels that are missing or broken."""

import inspect
import os
import subprocess
import sys
import textwrap

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import advice, backend

with_kernels = pytest.mark.skipif(not kit.LEVELS, reason="a build without kernels")


@pytest.fixture(autouse=True)
def settings_put_back(monkeypatch):
    threads = fl.get_num_threads()
    monkeypatch.setattr(backend, "kernels", backend.kernels)
    yield
    fl.set_num_threads(threads)


def python(code, *, error=None, **environment):
    """The output of a fresh interpreter; or, of one that must fail, the last line of its error."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FASTLAYERS_")}
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", textwrap.dedent(code)],
        env=inherited | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if error is not None:
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(error + ": ")
        return done.stderr.splitlines()[-1]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@with_kernels
def test_every_level_of_this_machine_was_built_and_the_best_is_loaded():
    output = python(
        "import fastlayers as fl, fastlayers._core.backend as b; print(b.config()['built'], b._level, fl.get_backend())"
    )
    built, best = kit.LEVELS, kit.LEVELS[-1]
    assert all(repr(level) in output for level in built)
    assert output.split("]")[1].split() == [best, "cython"]


# The switches


BEST = "reference" if backend._compiled is None else "cython"


def test_set_backend():
    fl.set_backend("reference")
    assert fl.get_backend() == "reference"
    fl.set_backend("auto")
    assert fl.get_backend() == BEST
    with pytest.raises(ValueError, match="unknown backend 'numba'; known are auto, cython, reference"):
        fl.set_backend("numba")
    assert fl.get_backend() == BEST


def test_use_backend_puts_back_also_after_an_error():
    before = fl.get_backend()
    with fl.use_backend("reference"):
        assert fl.get_backend() == "reference"
        with fl.use_backend("auto"):
            assert fl.get_backend() == before
        assert fl.get_backend() == "reference"
    assert fl.get_backend() == before
    with pytest.raises(KeyError), fl.use_backend("reference"):
        raise KeyError
    with pytest.raises(ValueError, match="unknown backend"), fl.use_backend("fast"):
        pytest.fail("the block must not run")
    assert fl.get_backend() == before


@with_kernels
def test_cython_where_it_was_built():
    with fl.use_backend("reference"), fl.use_backend("cython"):
        assert fl.get_backend() == "cython"


def test_num_threads():
    for n in (1, 2, 3, np.int64(2), 100):
        fl.set_num_threads(n)
        assert fl.get_num_threads() == n
        assert type(fl.get_num_threads()) is int


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "1 or more, not 0"),
        (-3, ValueError, "1 or more, not -3"),
        (1.5, TypeError, "must be an integer, not float"),
        ("2", TypeError, "must be an integer, not str"),
        (None, TypeError, "must be an integer, not NoneType"),
    ],
)
def test_bad_num_threads_change_nothing(n, error, message):
    fl.set_num_threads(2)
    with pytest.raises(error, match=message):
        fl.set_num_threads(n)
    assert fl.get_num_threads() == 2


def test_a_number_of_threads_beyond_all_measure():
    """It may be taken or refused, but not both."""
    fl.set_num_threads(2)
    refused = kit.outcome(fl.set_num_threads, 2**100)
    assert fl.get_num_threads() == (2 if refused else 2**100)


# The environment

REPORT = (
    "import fastlayers as fl, fastlayers._core.backend as b; print(fl.get_backend(), b._level, fl.get_num_threads())"
)


def test_environment_backend():
    assert python(REPORT, FASTLAYERS_BACKEND="reference").split()[0] == "reference"
    assert python(REPORT, FASTLAYERS_BACKEND="auto", FASTLAYERS_NUM_THREADS="3").split()[::2] == [BEST, "3"]


@with_kernels
@pytest.mark.parametrize("cap", backend.LEVELS)
def test_environment_level_is_a_cap(cap):
    best = [level for level in kit.LEVELS if backend.LEVELS.index(level) <= backend.LEVELS.index(cap)][-1]
    assert python(REPORT, FASTLAYERS_ISA=cap, FASTLAYERS_BACKEND="cython").split()[:2] == ["cython", best]


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("FASTLAYERS_BACKEND", "numba", "auto, cython, reference"),
        ("FASTLAYERS_BACKEND", "Cython", "auto, cython, reference"),
        ("FASTLAYERS_ISA", "avx2", "baseline, x86-64-v3, x86-64-v4"),
        *[("FASTLAYERS_NUM_THREADS", n, "whole numbers from 1") for n in ("0", "-1", "two", "1.5", "²")],
    ],
)
def test_unknown_environment_values(name, value, known):
    error = python("import fastlayers", error="ValueError", PYTHONUTF8="1", **{name: value})
    assert f"unknown {name} {value!r}" in error
    assert known in error


# The report


def test_show_config(capsys):
    fl.show_config()
    rows = dict(
        line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line[:1].isalpha() and " " in line
    )
    assert rows["fastlayers"] == fl.__version__
    assert rows["backend"] == fl.get_backend()
    assert rows["threads"].startswith(f"{fl.get_num_threads()} at most" if kit.LEVELS else "the reference runs on one")
    assert rows["numpy"].startswith(f"{np.__version__}, BLAS ")
    for level in kit.LEVELS:
        assert level in rows["built"]
    assert "OpenMP" in rows


# Kernels that are missing, and kernels that do not load: a package in whose place nothing, or a fault, is found

WITHOUT = """
    import sys, types
    package = sys.modules["fastlayers.kernels"] = types.ModuleType("fastlayers.kernels")
    package.__path__ = []
"""
BROKEN = WITHOUT + """
    import importlib.machinery
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("fastlayers.kernels._"):
                return importlib.machinery.ModuleSpec(name, self)
        def create_module(self, spec):
            if not spec.name.endswith("_cpu"):
                raise {error}("built for another NumPy")
        def exec_module(self, module):
            module.level = lambda: "x86-64-v4"
    sys.meta_path.insert(0, Broken())
"""  # fmt: skip
NONE = "this is the pure wheel" if advice.is_pure() else "No module named 'fastlayers.kernels._"
SHOW = """
    import fastlayers as fl
    print(fl.get_backend(), fl.relu_forward([-1.0, 2.0])[0])
    fl.set_num_threads(2)
    fl.show_config()
"""


def test_without_kernels_the_reference_answers_and_the_report_says_how_to_get_them():
    output = python(WITHOUT + SHOW)
    assert output.startswith("reference [0. 2.]")
    assert NONE in output
    assert "pip install" in output


def test_without_kernels_asking_for_them_says_why_and_how_to_build_them():
    ask = "\n    import fastlayers as fl\n    fl.set_backend('cython')\n"
    for code, environment in ((WITHOUT + ask, {}), (WITHOUT + ask, {"FASTLAYERS_BACKEND": "cython"})):
        error = python(code, error="ImportError", **environment)
        assert NONE in error
        assert "pip install" in error


@pytest.mark.parametrize("error", ["ImportError", "ValueError", "RuntimeError", "AttributeError"])
def test_a_module_that_fails_to_load_is_kept_as_a_reason(error):
    """An extension built for another NumPy fails with ValueError or RuntimeError as often as with ImportError."""
    output = python(BROKEN.format(error=error) + SHOW)
    assert output.startswith("reference [0. 2.]")
    reasons = [line for line in output.splitlines() if line.startswith("not loaded")]
    assert len(reasons) == len(backend.MODULES)
    assert all("built for another NumPy" in line for line in reasons)


@with_kernels
def test_a_level_that_no_cpu_has():
    with pytest.raises(ImportError, match="x86-64-v9"):
        backend.load_level("x86-64-v9")


def test_the_backend_is_documented_where_it_is_set():
    assert "whole process" in inspect.getdoc(fl.set_backend)


@pytest.mark.parametrize("threads", [2**31, 2**63, 10**17])
def test_more_threads_than_any_machine_has(threads):
    fl.set_num_threads(threads)
    assert fl.get_num_threads() == threads
    assert fl.relu_forward(np.ones(1 << 20, np.float32))[0].sum() == 1 << 20


@pytest.mark.parametrize("threads", ["9" * 30, "9" * 5000, "1.5", "-1", "0", "٣"])
def test_thread_counts_that_are_none(threads):
    assert "whole numbers from 1" in python("import fastlayers", error="ValueError", FASTLAYERS_NUM_THREADS=threads)


def test_a_build_for_several_machines_has_one_module():
    code = """
    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: (
        None if "_x86_64" in name else found("sys") if name.endswith("_generic") else found(name, *rest))
    from fastlayers._core import advice, backend
    print(backend.MODULES, backend.supported_levels())
    """
    assert python(code).strip() == "{'baseline': '_generic'} ['baseline']"
