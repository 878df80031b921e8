"""Every kernel and optimizer at every size and dtype, the paths side by side. Nothing is asserted about time.

``-k relu_forward`` picks a kernel, ``-k "softmax and float32"`` a dtype of it.
"""

from typing import Any

import pytest

from fastlayers.command import cases

ROWS = [row for row in cases.rows() if not isinstance(row[0], cases.Network)]
Row = tuple[str, dict[str, cases.Call]]  # the name of the group, and its calls
PATHS = ("reference", "cython", "cython out=")
# With --benchmark-disable nothing is timed, and the large arrays would only take time.
LARGEST_UNTIMED = 8 * 2**20


def group(row: Any) -> str:
    case, size, dtype = row
    return f"{case.name} {case.label(size)} {dtype}"


@pytest.fixture(scope="module", params=ROWS, ids=group)
def row(request: pytest.FixtureRequest) -> Row:
    """The calls of one row, checked once for all paths: pytest groups the tests by it, and frees the arrays after."""
    case, size, dtype = request.param
    if request.config.option.benchmark_disable and case.nbytes(size, dtype) > LARGEST_UNTIMED:
        pytest.skip("a large array, and timing is disabled")
    return group(request.param), case.prepare(size, dtype)


@pytest.mark.parametrize("path", PATHS)
def test_kernel(
    benchmark: Any, row: tuple[str, dict[str, cases.Call]], path: str, request: pytest.FixtureRequest
) -> None:
    if path != "reference":
        request.getfixturevalue("compiled")
    benchmark.group, calls = row
    if path not in calls:
        pytest.skip("an update has no out")
    function, args, kwargs = calls[path]
    benchmark(function, *args, **kwargs)
