"""A policy of 8-64-64-4 with ReLU as a C file, for one state, beside `predict`: ``python bench/c_file.py``.

One core: ``taskset -c 1 python bench/c_file.py``. The C function is called through a loop in C, each call with another
state; both are timed in turn, the fastest of many batches, once they are seen to agree.
"""

import ctypes
import itertools
import shutil
import subprocess
import tempfile
import timeit
from pathlib import Path

import numpy as np

import fastlayers as fl
from fastlayers.formats import c

SIZES = (8, 64, 64, 4)
CALLS, BATCHES = 1000, 100
OPTIONS = ("-std=c99 -O3 -march=native", "-std=c99 -O3", "-std=c99 -O2")
LOOP = f"""
#include "policy.c"
void many(float *x, float *y)
{{
    for (int i = 0; i < {CALLS}; i++) {{
        policy(x, y);
        x[i & 7] = y[i & 3] * 0.001f;
    }}
}}
"""


def network():
    rng = np.random.default_rng(0)
    layers = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [fl.Affine(*fl.initializers.affine(inputs, outputs, rng=rng)), fl.Relu()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


def compiled(folder, compiler, options, net, x):
    """The loop, once the function gives what the network predicts."""
    name = "_".join((compiler, *options.split())).replace("=", "_")
    path = folder / f"{name}.so"
    subprocess.run([compiler, *options.split(), "-shared", "-fPIC", folder / "many.c", "-o", path, "-lm"], check=True)
    library, y = ctypes.CDLL(str(path)), np.empty(SIZES[-1], np.float32)
    library.policy(x.ctypes, y.ctypes)
    np.testing.assert_allclose(y, net.predict(x), rtol=2e-6, atol=2e-6)
    given = x.copy()
    return lambda: library.many(given.ctypes, y.ctypes)


def main():
    net, x = network(), np.linspace(-1, 1, SIZES[0], dtype=np.float32)
    compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = c.save(folder / "policy.c", net).sizes
        (folder / "many.c").write_text(LOOP)
        runs = {"predict": lambda: [net.predict(x) for _ in range(CALLS)]}
        for compiler, options in itertools.product(compilers, OPTIONS):
            runs[f"{compiler} {options}"] = compiled(folder, compiler, options, net, x)
        best = dict.fromkeys(runs, np.inf)
        for _, (name, run) in itertools.product(range(BATCHES), runs.items()):
            best[name] = min(best[name], timeit.timeit(run, number=1) / CALLS)
    print(f"flash {sizes.constants:,} bytes of constants; RAM {sizes.stack:,} bytes of the stack")
    for name, seconds in best.items():
        print(f"{name:<36}{seconds * 1e6:6.3f} us a state")


if __name__ == "__main__":
    main()
