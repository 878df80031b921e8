"""Would the tests notice? Bugs planted one by one in kernels, rules, formats, training: ``python tests/mutations.py``.

Each is put into a copy of the checkout, built there where it is in a kernel, and the tests near it are run as the
README runs them; where those notice nothing, with ``--all``. The short run must catch all but one, ``--all`` every one.
Of the tests only those near a bug are run: whatever they catch, all of them catch.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "_build", "gallery", "generated"
)
MOST_MISSED = 1  # of the short run


class Mutation(NamedTuple):
    """A bug: in which file of the package, what stands there, what instead, what it breaks, and the tests near it."""

    file: str
    old: str
    new: str
    breaks: str
    tests: str


MUTATIONS = (
    # Kernels
    Mutation(
        "kernels/relu.pyx",
        "return <floating> 0 if x <= <floating> 0 else x",
        "return <floating> 0 if x < <floating> 0 else x",
        "relu gives -0.0 for -0.0",
        "relu",
    ),
    Mutation(
        "kernels/leaky_relu.pyx",
        "return slope * value if masked else value",
        "return slope * value if masked and value == value else <floating> 0 if masked else value",
        "leaky_relu_backward loses a nan behind the mask",
        "leaky_relu",
    ),
    Mutation(
        "kernels/dropout.pyx",
        "y[i] = value if draws[i] >= least else <floating> 0",
        "y[i] = value if draws[i] > least else <floating> 0",
        "dropout drops a draw that is exactly p, though its mask keeps it",
        "dropout agreement",
    ),
    Mutation(
        "kernels/sigmoid.pyx",
        "return dout * y * (<floating> 1 - y)",
        "return dout * (y - y * y)",
        "sigmoid_backward loses its digits where y is near 1",
        "sigmoid accuracy",
    ),
    Mutation(
        "kernels/tanh.pyx",
        "return dout * ((<floating> 1 - y) * (<floating> 1 + y))",
        "return dout * (<floating> 1 - y * y)",
        "tanh_backward loses its digits where |y| is near 1",
        "tanh accuracy",
    ),
    Mutation(
        "kernels/softmax.pyx",
        "return quotient if 2 * others < e_top else <floating> e_top * scale[0]",
        "return <floating> e_top * scale[0]",
        "a probability of softmax may exceed 1 by a rounding",
        "probabilities softmax",
    ),
    Mutation(
        "kernels/mean_squared_error.pyx",
        "cdef floating factor = <floating> (2 / work.divisor)",
        "cdef floating factor = <floating> (2 / work.divisor) * <floating> 1.00001",
        "the gradient of the mean squared error is 1e-5 too large",
        "mean_squared_error",
    ),
    Mutation(
        "kernels/adam.pyx",
        "return 0 if -least < x < least else x",
        "return x",
        "the state of Adam stays subnormal",
        "optimizers",
    ),
    Mutation(
        "kernels/common/threads.pyx",
        "pool.next, pool.stop, pool.piece = 0, n, piece",
        "pool.next, pool.stop, pool.piece = 0, n - (n > piece), piece",
        "the last unit of a call that is shared among threads is not worked on",
        "threads",
    ),
    # Rules about input and results
    Mutation(
        "_core/arguments.py",
        "if array.dtype != bool:",
        "if array.dtype.kind not in 'bu':",
        "a mask of unsigned integers is taken",
        "relu leaky_relu agreement",
    ),
    Mutation(
        "_core/arguments.py",
        "if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):",
        "if False:",
        "masked entries are taken for numbers",
        "hostile",
    ),
    Mutation(
        "_core/results.py",
        "    if not target.flags.writeable:\n",
        "    if not target.flags.writeable and target.flags.owndata:\n",
        "a read-only view is no longer refused by name",
        "out agreement",
    ),
    Mutation(
        "_core/results.py",
        "    _check_apart([target for target in targets if target is not None])\n",
        "",
        "two results are written into the same memory",
        "out",
    ),
    Mutation(
        "functional/_elementwise.py",
        '    same_shape("dout", dout, name, kept)\n',
        "",
        "sigmoid_backward and tanh_backward broadcast",
        "tanh sigmoid",
    ),
    Mutation(
        "formulas/affine.py",
        "columns.sum(axis=1, dtype=wider(dout)).astype(dout.dtype)",
        "columns.sum(axis=1)",
        "the reference's db of float32 loses digits in a long batch",
        "affine agreement",
    ),
    # Formats
    Mutation(
        "formats/npz.py",
        "    if len(data) - header.end() != math.prod(shape) * dtype.itemsize:",
        "    if len(data) - header.end() < math.prod(shape) * dtype.itemsize:",
        "an array in a model file may have more bytes than its shape says",
        "hostile_files forged_files model_file",
    ),
    Mutation(
        "formats/npz.py",
        'order="F" if header[3] == b"True" else "C")',
        'order="C")',
        "weights in Fortran's order are read transposed",
        "families saving model_file old_models",
    ),
    Mutation(
        "formats/state_dict.py",
        "    if array.shape != expected:",
        "    if array.size != param.size:",
        "a state_dict's weights of another shape are taken",
        "state_dict",
    ),
    Mutation(
        "formats/state_dict.py",
        "sorted(names, key=_numbers_of)",
        "sorted(names)",
        "module 10 of a state_dict is put before module 2",
        "state_dict safetensors",
    ),
    # Training
    Mutation(
        "training/loop.py",
        "                if training.stop:\n                    break\n        training.step",
        "        training.step",
        "a callback does not stop an epoch midway",
        "callbacks",
    ),
    Mutation(
        "training/evaluation.py",
        "return [min(batch_size, samples - start) for start in starts]",
        "return [batch_size for start in starts]",
        "the smaller last batch counts like a whole one in the epoch's loss",
        "fit history",
    ),
    Mutation(
        "callbacks.py",
        "training.stop = training.stop or self.waited >= self.patience",
        "training.stop = training.stop or self.waited > self.patience",
        "EarlyStopping waits an epoch too long",
        "callbacks watching",
    ),
    Mutation(
        "optimizers/_base.py",
        '            raise ValueError(f"grads has no entry for the parameter {missing[0]!r}")',
        "            return [], [], []",
        "a parameter whose gradient is missing is passed over",
        "optimizers hostile_optimizers",
    ),
    Mutation(
        "schedules.py",
        "return self.lr * ((step + 1) / self.warmup)",
        "return self.lr * (step / self.warmup)",
        "a warm-up begins with a step of length 0",
        "schedules",
    ),
    Mutation(
        "training/batches.py",
        "x, t, weights = (_gathered(a, order, slice(i, i + together)) for a in data)",
        "x, t, weights = (_gathered(a, order if a is data.x else None, slice(i, i + together)) for a in data)",
        "samples are shuffled, and their targets are not",
        "fit",
    ),
)


def text_of(folder: Path, mutation: Mutation) -> str:
    """The text of its file, once the place for the bug is seen to be there."""
    text = (folder / "fastlayers" / mutation.file).read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(
            f"fastlayers/{mutation.file} has {text.count(mutation.old)} places, not one, for: {mutation.old!r}\n"
            f"Give {Path(__file__).name} another text for the bug: {mutation.breaks}."
        )
    return text


@contextlib.contextmanager
def planted(folder: Path, mutation: Mutation, level: str) -> Iterator[None]:
    """The bug is in the copy, and where it is in a kernel, in the module of this level."""
    path, whole = folder / "fastlayers" / mutation.file, text_of(folder, mutation)
    modules = list(folder.glob(f"fastlayers/kernels/{level}.*.so")) if path.suffix == ".pyx" else []
    kept = [module.read_bytes() for module in modules]
    path.write_text(whole.replace(mutation.old, mutation.new), encoding="utf-8")
    if modules:
        build(folder, level)
    yield
    path.write_text(whole, encoding="utf-8")
    for module, content in zip(modules, kept, strict=True):
        module.write_bytes(content)


# Builds the module of one level alone, as setup.py would.
BUILD = """
import sys, setuptools
whole, level = setuptools.setup, sys.argv.pop()
def of_one_level(**options):
    options["ext_modules"] = [e for e in options["ext_modules"] if level in ("all", e.name.rpartition(".")[2])]
    return whole(**options)
setuptools.setup = of_one_level
exec(compile(open("setup.py").read(), "setup.py", "exec"))
"""


def build(folder: Path, level: str) -> None:
    """Build the kernels of one level, or of ``all``, in place."""
    command = [sys.executable, "-c", BUILD, "--quiet", "build_ext", "--inplace", "--parallel=2", level]
    environment = {**os.environ, "FASTLAYERS_REQUIRE_KERNELS": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"the kernels could not be built:\n{(ran.stdout + ran.stderr)[-5000:]}")


def noticed(folder: Path, tests: str, *options: str) -> str | None:
    """The first test that failed, or None where all passed."""
    files = [f"tests/test_{name}.py" for name in tests.split()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", *options, *files]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"the tests could not be run:\n{(ran.stdout + ran.stderr)[-5000:]}")
    failed = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else None


def best_level(folder: Path) -> str:
    ask = "from fastlayers._core import backend; print(backend.MODULES[backend.supported_levels()[-1]])"
    return subprocess.check_output([sys.executable, "-c", ask], cwd=folder, text=True).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs whose file or description has this text")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if options.only in m.file or options.only in m.breaks]
    missed: list[Mutation] = []
    survived: list[Mutation] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "checkout")
        shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
        for mutation in chosen:
            text_of(folder, mutation)  # before anything is built: a text that is gone is told at once
        build(folder, "all")
        level = best_level(folder)
        for number, mutation in enumerate(chosen, start=1):
            with planted(folder, mutation, level):
                caught, how = noticed(folder, mutation.tests), "sample"
                if caught is None:
                    missed.append(mutation)
                    caught, how = noticed(folder, mutation.tests, "--all"), "--all"
            if caught is None:
                survived.append(mutation)
                how = "NOT CAUGHT"
            print(f"{number:3} {mutation.file:30} {mutation.breaks:76} {how:10} {caught or ''}", flush=True)
    count = len(chosen)
    print(f"of {count} bugs the short run caught {count - len(missed)}, all of the tests {count - len(survived)}")
    return 1 if survived or len(missed) > MOST_MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
