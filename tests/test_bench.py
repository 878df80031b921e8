"""The registry of benchmark cases is complete and honest, and its table prints."""

import json

import numpy as np
import pytest

import fastlayers
from fastlayers import functional, optimizers
from fastlayers._core import backend
from fastlayers.command import agreement, cases, cli, table, terminal

SMALL = list(cases.rows(table.SMALLEST_TABLE))


def label(row):
    case, size, dtype = row
    return f"{case.name} {case.label(size)} {dtype}"


def test_every_kernel_has_a_case():
    # cross_entropy_error runs in NumPy on both paths: there is nothing to compare.
    assert {case.function for case in cases.CASES} == set(functional.__all__) - {"cross_entropy_error"}


def test_every_optimizer_has_a_case():
    """Plain, and with what makes its gradient another."""
    plain = {update.optimizer for update in cases.UPDATES if not update.options()}
    clipped = {update.optimizer for update in cases.UPDATES if "clip_norm" in update.options()}
    assert plain == clipped == set(optimizers.__all__)


def test_every_network_has_a_case():
    assert {(network.widths, network.batch) for network in cases.NETWORKS} == {
        ((64, 32, 10), 16),
        ((784, 50, 10), 100),
        ((784, 256, 128, 10), 32),
        ((784, 512, 512, 10), 128),
    }


def test_names_are_distinct():
    names = [label(row) for row in cases.rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_sizes_reach_from_ten_elements_to_64_mb(dtype):
    sizes = [case.nbytes(size, dtype) for case, size, d in cases.rows() if case.name == "relu_forward" and d == dtype]
    assert min(sizes) == 10 * np.dtype(dtype).itemsize
    assert max(sizes) == 64 * 2**20


def test_every_case_and_dtype_has_a_small_size():
    assert {(case, dtype) for case, _, dtype in SMALL} >= {(c, d) for c in cases.CASES for d in cases.DTYPES}


@pytest.mark.parametrize("name", dict.fromkeys(case.name for case, _, _ in SMALL))
def test_paths_agree(name):
    for case, size, dtype in SMALL:
        if case.name == name:
            calls = case.prepare(size, dtype)
            assert {"reference", "cython"} <= set(calls)
            for function, args, kwargs in calls.values():
                function(*args, **kwargs)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_the_compiled_entry_takes_every_case(case, monkeypatch):
    # One that it declines would time the reference twice.
    if backend._compiled is None:
        pytest.skip("not built")
    calls = [case.prepare(size, dtype) for found, size, dtype in SMALL if found is case]
    assert calls

    def refuse(name, *arrays):
        raise AssertionError(f"{name} was declined")

    monkeypatch.setattr(backend, "run", refuse)
    with backend.use_backend("cython"):
        for paths in calls:
            for path in ("cython", "cython out="):
                function, args, kwargs = paths[path]
                function(*args, **kwargs)


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_a_wrong_result_is_found(case, dtype, monkeypatch):
    right = getattr(functional, case.function)
    error = 1e-3

    def wrong(*args, **kwargs):
        results = right(*args, **kwargs)
        array = results[-1] if isinstance(results, tuple) else results
        array = array.astype(dtype) if array.dtype == bool else array.copy()
        at = np.unravel_index(np.argmax(np.abs(array)), array.shape)
        array[at] *= 1 + error
        return (*results[:-1], array) if isinstance(results, tuple) else array

    monkeypatch.setattr(functional, case.function, wrong)
    with pytest.raises(AssertionError, match=case.name):
        case.prepare(case.sizes(dtype)[1], dtype)


def test_an_out_that_is_not_used_is_found(monkeypatch):
    right = functional.softmax
    monkeypatch.setattr(functional, "softmax", lambda x, out=None: right(x))
    (case,) = [case for case in cases.CASES if case.name == "softmax"]
    with pytest.raises(AssertionError, match="softmax 1x10 float32 with out"):
        case.prepare((1, 10), "float32")


def test_a_wrong_gradient_is_found_in_training(monkeypatch):
    right = functional.affine_backward

    def wrong(*args, **kwargs):
        dx, dW, db = right(*args, **kwargs)
        return dx, dW * 1.01, db

    monkeypatch.setattr(fastlayers.Affine, "_backward", staticmethod(wrong))
    network = cases.NETWORKS[0]
    with pytest.raises(AssertionError, match="training step 64-32-10"):
        network.prepare(network.widths, "float64")


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), r"nan.* at \(.*1.*\)"),
        (np.array([1.0]), np.array([1.0], np.float32), "float64"),
        (np.array([[1.0]]), np.array([1.0]), r"\(1, 1\)"),
        ((1.0, 2.0), (1.0,), "2 results, not 1"),
        (1.0 + 1e-12, 1.0, "result 0"),
        (np.array([True]), np.array([False]), "True"),
    ],
)
def test_check_finds(got, expected, message):
    with pytest.raises(AssertionError, match=message):
        agreement.check("it", got, expected, 1e-13, (0, 0))


def test_check_scales_with_the_terms():
    agreement.check("it", 1e-12, 0.0, 1e-13, (10.0,))
    agreement.check("it", (1.0, np.zeros(0)), (1.0, np.zeros(0)), 1e-13, (0, 0))


def test_table_has_every_case(capsys):
    current = backend.get_backend()
    table.main_table(seconds=1)
    printed = capsys.readouterr().out
    header, *lines = printed.splitlines()
    assert max(map(len, [header, *lines])) <= 80
    assert f"threads {backend.get_num_threads()}" in header
    assert np.__version__ in header
    assert backend.get_backend() == current
    for case in (*cases.CASES, *cases.NETWORKS[:3]):
        assert any(line.startswith(case.name) for line in lines)
    for network in cases.NETWORKS[:3]:
        assert network.label(network.widths) in printed
    if backend._compiled is None:
        assert "not there" in printed
    else:
        assert "x  " in printed


def test_json_parses(capsys):
    assert cli.main(["bench", "--json", "--seconds", "0.5"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["config"]["numpy"] == np.__version__
    assert {row["kernel"] for row in printed["seconds"]} == {
        case.name for case in (*cases.CASES, *cases.UPDATES, *cases.NETWORKS)
    }
    assert all(row["reference"] > 0 for row in printed["seconds"])


def test_interrupt_is_not_swallowed(monkeypatch):
    def interrupt(calls, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "fastest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        table.main_table(seconds=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 ns"),
        (65e-9, "65.0 ns"),
        (9.996e-9, "10.0 ns"),
        (999.7e-9, "1.00 us"),
        (1.234e-3, "1.23 ms"),
        (2, "2.00 s"),
        (12345.6, "12346 s"),
    ],
)
def test_human(seconds, text):
    assert terminal.human(seconds) == text
