"""The kernels under a checker of memory: GCC's sanitizers, or valgrind.

    python tests/sanitize.py [--valgrind] [arguments of pytest]

It builds the kernels in a temporary copy of the checkout and runs the tests on them; the checker's first report
ends the run. Then it builds them again with the faults of `PLANTS`, none of which changes a value that a test
sees, and each must be reported: a check that cannot fail shows nothing.

Valgrind knows no AVX-512, so that level is for the sanitizers, and sees of the faults the overread alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "*.so", "*.pyd", "*.c")

# The tests of the families that have a kernel, and others whose kernels have pointers to get wrong.
KERNELS = sorted(path.stem for path in ROOT.joinpath("fastlayers", "kernels").glob("[a-z]*.pyx"))
OTHERS = (
    "addresses",
    "clipping",
    "cross_entropy_cases",
    "decay_and_clipping",
    "gradient_buffers",
    "hostile_optimizers",
)
OTHERS += ("image_networks", "kernels", "layers", "loss_options", "memory", "out", "passes", "passes_changes")
OTHERS += ("predict", "program", "threads")
NEAR_THE_KERNELS = tuple(
    family for family in (*KERNELS, *OTHERS) if ROOT.joinpath("tests", f"test_{family}.py").is_file()
)
FEW = ["tests/test_relu.py", "tests/test_sigmoid.py", "tests/test_softmax.py", "-k", "sizes_round_the_vector_width"]


class Plant(NamedTuple):
    """A fault at the start of one kernel's task, the test that runs it, and what is to be reported."""

    file: str
    task: str
    fault: str
    test: str
    report: str


PLANTS = (
    Plant(
        "relu.pyx",
        "relu_forward_task",
        "if (<const MapWork *> work).typenum == NPY_DOUBLE and"
        " (<const double *> (<const MapWork *> work).x.data)[stop] == 1e30: return",
        "test_relu.py::test_forward_of_every_shape",
        "heap-buffer-overflow",
    ),
    Plant(
        "relu.pyx",
        "relu_backward_task",
        "if (<const int *> ((<const GradientWork *> work).dout.data + 1))[0] == 12345: return",
        "test_relu.py::test_backward_of_every_shape",
        "misaligned address",
    ),
    Plant(
        "sigmoid.pyx",
        "sigmoid_forward_task",
        "if <int> 0x7fffffff + <int> stop == 12345: return",
        "test_sigmoid.py::test_forward_of_every_shape",
        "signed integer overflow",
    ),
    Plant(
        "sigmoid.pyx",
        "sigmoid_backward_task",
        "if <int> (1e300 * <double> stop) == 12345: return",
        "test_sigmoid.py::test_backward_of_every_shape",
        "outside the range of representable values",
    ),
)


class Sanitizers:
    """GCC's, of addresses and of undefined behaviour, in one process."""

    build = {  # noqa: RUF012
        "CC": "gcc -fsanitize=address,undefined,float-cast-overflow",
        # Half the compiler's time of -O3. The -fwrapv among Python's own flags would make signed overflow a wrap that
        # nothing reports.
        "FASTLAYERS_CFLAGS": "-O2 -fno-wrapv",
    }
    command = ()
    tests = tuple(f"tests/test_{family}.py" for family in NEAR_THE_KERNELS)
    plants = PLANTS

    def __init__(self):
        libraries = [
            subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
            for name in ("libasan.so", "libubsan.so")
        ]
        self.environment = {
            "LD_PRELOAD": " ".join(libraries),
            "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        }


class Valgrind:
    """Of the kernels as users have them."""

    build = {}  # noqa: RUF012
    known = f"--suppressions={Path(__file__).with_name('valgrind.supp')}"
    command = ("valgrind", "--quiet", "--leak-check=no", "--error-exitcode=9", known)
    tests = tuple(FEW)
    plants = (PLANTS[0]._replace(report="Invalid read of size 8"),)

    def __init__(self):
        self.environment = {"PYTHONMALLOC": "malloc"}


def build(checker, folder, plants=()):
    """A copy of the checkout with its kernels built for the checker, and with these faults."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    for plant in plants:
        source = folder / "fastlayers" / "kernels" / plant.file
        header = rf"(cdef void {plant.task}\(.*\) noexcept nogil:\n)"
        text, places = re.subn(header, rf"\1    {plant.fault}\n", source.read_text())
        if places != 1:
            raise SystemExit(f"{plant.file} has {places} places for a fault in {plant.task}")
        source.write_text(text)
    built = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--parallel=2"],
        cwd=folder,
        env={**os.environ, **checker.build, "FASTLAYERS_DEBUG": "1", "FASTLAYERS_REQUIRE_KERNELS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if built.returncode != 0:
        raise SystemExit(f"the kernels could not be built:\n{built.stdout[-10000:]}")
    return folder


def run_tests(checker, folder, *arguments, **options):
    """Pytest in the copy, under the checker; without capturing, which would swallow a report."""
    return subprocess.run(
        [*checker.command, sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, **checker.environment, "PYTHONPATH": str(folder)},
        **options,
    )


def main():
    arguments = sys.argv[1:]
    checker = Valgrind() if arguments[:1] == ["--valgrind"] else Sanitizers()
    tests = arguments[checker.command != () :] or checker.tests
    with tempfile.TemporaryDirectory() as temporary:
        whole = build(checker, Path(temporary, "whole"))
        status = run_tests(checker, whole, *tests).returncode
        if status != 0:
            return status
        faulty = build(checker, Path(temporary, "faulty"), checker.plants)
        for plant in checker.plants:
            test = f"tests/{plant.test}"
            ran = run_tests(checker, faulty, test, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if ran.returncode == 0 or plant.report not in ran.stdout:
                print(ran.stdout[-5000:], f"NOT CAUGHT in {plant.task}: {plant.fault}", sep="\n")
                return 1
            print(f"caught in {plant.task}: {plant.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
