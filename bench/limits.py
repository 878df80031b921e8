"""What the machine allows: its peak and its bandwidth, and the time that a call could take at the least.

The limit of a call is its floating-point operations over the peak plus its bytes over the bandwidth. What both are was
measured in the same run. Operations are those of the products, and of exp as our kernels have it; bytes are each input
read once and each result written once, whatever is kept in between; of a training step each parameter read and written.
"""

import ctypes
import functools
import math
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import timeit
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Self

import numpy as np

from fastlayers._core import backend
from fastlayers.command.cases import DTYPES, Network

SOURCE = Path(__file__).with_name("peak.c")
REAL = {"float32": "float", "float64": "double"}
SQUARES = (128, 256, 384, 512)
FOOTPRINTS = tuple(4**i for i in range(7, 15))  # bytes of both arrays of a copy, from 16 KB to 256 MB
IN_MEMORY = 2**26  # bytes; from here on a pass that reads counts beside a copy, which may read what it writes too
EXP = {"float32": 20, "float64": 30}  # operations: the range reduction, and a polynomial of degree 6 or 11


class Work(NamedTuple):
    """What a call has to do."""

    flops: float
    nbytes: float
    dtype: str = "float32"


class Machine(NamedTuple):
    """What one core does in a second."""

    loop: dict[str, float]  # operations by dtype, in registers; 0 where there is no C compiler
    product: dict[str, tuple[float, str]]  # operations in the best product, and whose it was
    bandwidth: dict[int, float]  # bytes, by how many a copy reads and writes

    def peak(self, dtype: str) -> float:
        return max(self.loop[dtype], self.product[dtype][0])

    def seconds(self, work: Work) -> float:
        """The limit. A size between two takes the quicker one's bandwidth."""
        fitting = [speed for size, speed in self.bandwidth.items() if 4 * size > work.nbytes]
        return work.flops / self.peak(work.dtype) + work.nbytes / max(fitting or [self.bandwidth[max(self.bandwidth)]])


@functools.cache
def machine(pace: float = 1.0) -> Machine:
    """Of one core, measured once in a run."""
    loops = {dtype: loop(dtype, 10**7) for dtype in DTYPES}  # a tenth of a millisecond
    return Machine(
        {dtype: rate(found, max(round(2000 * pace), 1)) if found else 0.0 for dtype, found in loops.items()},
        {dtype: best_product(dtype, max(round(30 * pace), 1)) for dtype in DTYPES},
        {size: bandwidth(size) for size in FOOTPRINTS if size <= FOOTPRINTS[-1] * pace},
    )


class Loop(NamedTuple):
    """So many operations that wait for nothing, which can be timed like any other call."""

    function: Any
    rounds: int
    flops: int  # of a round

    def timer(self) -> Self:
        return self

    def timeit(self, number: int) -> float:
        """In one call for all: what that costs is not the peak's."""
        start = perf_counter()
        self.function(self.rounds * number)
        return perf_counter() - start


def loop(dtype: str, flops: float) -> Loop | None:
    """About so many operations; None where there is no C compiler."""
    library = compiled()
    if library is None:
        return None
    function, each = getattr(library, f"peak_{REAL[dtype]}"), ctypes.c_int.in_dll(library, f"flops_{REAL[dtype]}").value
    function.argtypes, function.restype = (
        [ctypes.c_long],
        {"float": ctypes.c_float, "double": ctypes.c_double}[REAL[dtype]],
    )
    return Loop(function, max(round(flops / each), 1), each)


@functools.cache
def compiled() -> ctypes.CDLL | None:
    names = (sysconfig.get_config_var("CC"), "cc", "gcc", "clang")
    compiler = next((command for name in names if name and shutil.which((command := shlex.split(name))[0])), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peak.so"
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
        subprocess.run([*compiler, *flags, str(SOURCE), "-o", str(path)], check=True)
        return ctypes.CDLL(str(path))


def rate(found: Loop, times: int) -> float:
    return found.rounds * found.flops / min(found.timeit(1) for _ in range(times))


def best_product(dtype: str, repeat: int) -> tuple[float, str]:
    """The fastest square product of ours and of `np.dot`."""
    found = []
    for n in SQUARES:
        a = np.random.default_rng(0).random((n, n)).astype(dtype)
        y = np.empty_like(a)
        calls = {
            "ours": functools.partial(backend.kernels.product, a, a, y, None, False, False, "ours"),
            "np.dot": functools.partial(np.dot, a, a, out=y),
        }
        for name, call in calls.items():
            found.append((2 * n**3 * 3 / min(timeit.repeat(call, number=3, repeat=repeat)), name))
    return max(found)


def bandwidth(size: int) -> float:
    """Bytes a second of a copy of half of `size`, without the call; in memory, of reading where that is more."""
    x = np.ones(size // 8, np.float32)
    y, none = np.empty_like(x), np.empty(0, np.float32)
    number = max(2**22 // size, 1)
    repeat = 200 if size < IN_MEMORY else 10

    def least(call: Any) -> float:
        return min(timeit.repeat(call, number=number, repeat=repeat)) / number

    copied = least(lambda: np.copyto(y, x)) - least(lambda: np.copyto(none, none))
    read = least(lambda: np.dot(x, x)) if size >= IN_MEMORY else float("inf")
    return max(2 * x.nbytes / copied, x.nbytes / read)


def beside(line: Any, seconds: float | None, work: Work | None) -> Any:
    """The line with its limit, and the share of it that is reached."""
    if seconds is None or work is None:
        return line
    limit = machine().seconds(work)
    return line._replace(floor=limit, share=limit / seconds)


# What a call has to do


def elements(n: int, nbytes: int, flops: int = 1, dtype: str = "float32") -> Work:
    """A function of each number: bytes and operations of each."""
    return Work(flops * n, nbytes * n, dtype)


def exponentials(n: int, arrays: int, flops: int, dtype: str = "float32") -> Work:
    """The same with an exp of each, over so many arrays."""
    return elements(n, arrays * np.dtype(dtype).itemsize, EXP[dtype] + flops, dtype)


def product(n: int, d: int, m: int, dtype: str = "float32") -> Work:
    return Work(2 * n * d * m, (n * d + d * m + n * m) * np.dtype(dtype).itemsize, dtype)


def both_products(n: int, d: int, m: int, dtype: str = "float32") -> Work:
    """Of a layer's backward: dout, x and W are read, dx and dW written."""
    return Work(4 * n * d * m, (n * m + 2 * n * d + 2 * d * m) * np.dtype(dtype).itemsize, dtype)


def predicting(network: Network, dtype: str = "float32") -> Work:
    layers = sum(d * m for d, m in pairwise(network.widths))
    inputs = network.batch * (network.widths[0] + network.widths[-1])
    return Work(2 * network.batch * layers, (layers + inputs) * np.dtype(dtype).itemsize, dtype)


def training(network: Network, dtype: str = "float32", need_dx: bool = False, update: bool = True) -> Work:
    """Products forward and backward, dx of the first layer or not; the loss; and the update, which needs two."""
    layers = [d * m for d, m in pairwise(network.widths)]
    products = 3 * sum(layers) - (0 if need_dx else layers[0])
    flops = 2 * network.batch * products + network.batch * network.widths[-1] * EXP[dtype] + 2 * update * sum(layers)
    return Work(flops, (2 * sum(layers) + network.batch * network.widths[0]) * np.dtype(dtype).itemsize, dtype)


def predicting_images(net: Any, batch: int, dtype: str = "float32") -> Work:
    """Operations as the network's summary counts them."""
    numbers = math.prod(net.input_shape) + math.prod(net.layers[-1].output_shape)
    return Work(batch * net.flops, (net.parameters + batch * numbers) * np.dtype(dtype).itemsize, dtype)


def training_images(net: Any, batch: int, dtype: str = "float32") -> Work:
    """As `training`: backward twice the operations of forward, but for dx of the first layer."""
    exponentials = math.prod(net.layers[-1].output_shape) * EXP[dtype]
    flops = batch * (3 * net.flops - net.layers[0].flops + exponentials) + 2 * net.parameters
    return Work(flops, (2 * net.parameters + batch * math.prod(net.input_shape)) * np.dtype(dtype).itemsize, dtype)
