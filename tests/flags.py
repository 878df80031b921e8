"""The program of `test_flags`: ``python flags.py COMPILER`` builds a small module as setup.py builds the kernels.

For flags of every kind, in each variable that a build reads, a line says what became of it: "right", or "wrong" and
how, or "refused" and why. A module that makes the processor flush subnormal numbers does so for the whole process: from
then on every line is wrong.
"""

import ctypes
import os
import platform
import runpy
import sys
import tempfile
from functools import reduce
from operator import add
from pathlib import Path

import Cython.Build
import setuptools

ROOT = Path(__file__).resolve().parents[1]
ALL = ("-ffast-math", "-Ofast", "-funsafe-math-optimizations")
PARTS = ("-ffinite-math-only", "-freciprocal-math", "-fassociative-math -fno-signed-zeros -fno-trapping-math")
FLUSHES = ("-mdaz-ftz",) if platform.machine() == "x86_64" else ()
CASES = (
    *(("CFLAGS", flags) for flags in (*ALL, *PARTS, *FLUSHES)),
    *(("LDFLAGS", flags) for flags in (*ALL, *FLUSHES)),
    ("CC", "-ffast-math"),
    *(("FASTLAYERS_CFLAGS", flags) for flags in (*ALL, *PARTS)),
)
SOURCE = """
#include "floating_point.h"
int is_nan(double x) { return x != x; }
double rounded(double x) { return x + 6755399441055744.0 - 6755399441055744.0; }
double sum(const double *x, int n) {
    double total = 0;
    for (int i = 0; i < n; i++) total += x[i];
    return total;
}
void *PyInit_small(void) { return 0; }
"""


def setup():
    """What setup.py defines in this environment, and what it would give to setuptools."""
    given = {}
    setuptools.setup = lambda **arguments: given.update(arguments)
    Cython.Build.cythonize = lambda *args, **options: []
    return {**runpy.run_path(str(ROOT / "setup.py")), **given}


def faults(path):
    """What the module gets wrong."""
    small, least = ctypes.CDLL(path), ctypes.c_double(5e-324)
    small.is_nan.argtypes = small.rounded.argtypes = [ctypes.c_double]
    small.rounded.restype = small.sum.restype = ctypes.c_double
    numbers = (1e17, 1.0, 1.0, 1.0, -1e17, 1.0, 1.0, 1.0)
    if least.value * 1.0 == 0:
        yield "flushes subnormal numbers"
    if small.is_nan(float("nan")) != 1:
        yield "takes nan for a number"
    if small.rounded(2.75) != 3:
        yield "leaves out sums"
    if small.sum((ctypes.c_double * 8)(*numbers), 8) != reduce(add, numbers):
        yield "re-associates sums"


def outcome(folder):
    """Build it and try it."""
    ours, source = setup(), Path(folder, "small.c")
    source.write_text(SOURCE)
    module = setuptools.Extension(
        "small", [str(source)], include_dirs=[str(ROOT / "fastlayers" / "kernels" / "common")]
    )
    command = ours["cmdclass"]["build_ext"](setuptools.Distribution({"ext_modules": [module]}))
    command.build_lib = command.build_temp = folder
    command.ensure_finalized()
    try:
        command.run()
    except Exception as error:
        return f"refused: {ours['reason'](error)}"
    return ", ".join(["wrong", *found]) if (found := [*faults(command.get_ext_fullpath("small"))]) else "right"


for variable, flags in CASES:
    os.environ["CC"] = sys.argv[1]
    os.environ[variable] = f"{sys.argv[1]} {flags}" if variable == "CC" else flags
    with tempfile.TemporaryDirectory() as temporary:
        print(f"{variable}={flags}: {outcome(temporary)}", flush=True)
    del os.environ[variable]
