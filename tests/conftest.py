"""Every test that asks for `implementation` runs over the reference and over each level that this machine runs."""

import pytest
import zoo

import fastlayers as fl
from fastlayers import _backend


@pytest.fixture(params=zoo.IMPLEMENTATIONS)
def implementation(request, monkeypatch):
    """The name of the implementation that `fastlayers` is bound to while the test runs.

    A level whose module is not there is an error, not a skip: where kernels are expected, a build
    that quietly went without them must not pass. ``FASTLAYERS_TEST_PURE=1`` says that none are expected.
    """
    monkeypatch.setattr(_backend, "kernels", zoo.kernels_of(request.param))
    return request.param


@pytest.fixture(params=zoo.LEVELS)
def level(request):
    """A compiled level's module, by itself; it may be set to any number of threads."""
    module = zoo.kernels_of(request.param)
    yield module
    module.set_num_threads(fl.get_num_threads())
