"""Defaults that keep all of ``pytest bench/`` to some minutes; an option on the command line still wins."""

from collections.abc import Iterator

import pytest

import fastlayers

# pytest-benchmark's own are a second, and rounds of 5 us, for each of some 300 benchmarks.
DEFAULTS = {"max_time": 0.25, "min_time": 1e-4, "min_rounds": 3, "columns": ["min", "median", "iqr", "rounds"]}


def pytest_configure(config: pytest.Config) -> None:
    given = {argument.partition("=")[0] for argument in config.invocation_params.args}
    for name, value in DEFAULTS.items():
        if f"--benchmark-{name.replace('_', '-')}" not in given:
            setattr(config.option, f"benchmark_{name}", value)


@pytest.fixture
def compiled() -> Iterator[None]:
    """The compiled backend, whatever the environment asks for."""
    before = fastlayers.get_backend()
    try:
        fastlayers.set_backend("cython")
    except ImportError:
        pytest.skip("the kernels were not built: `fastlayers info` says why")
    yield
    fastlayers.set_backend(before)
