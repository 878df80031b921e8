"""The extensions: one module of kernels per instruction set, from one Cython source.

All else about the package stands in pyproject.toml.

FASTLAYERS_REQUIRE_KERNELS=1 makes a failing compile fail the build; without it the package is built
with what compiles, runs on its NumPy reference where nothing does, and `fastlayers.show_config()` says why.
FASTLAYERS_PURE=1 builds the reference alone, for which it needs no compiler, no Cython and no NumPy: a wheel for any
platform (py3-none-any).

For checks of the kernels: FASTLAYERS_DEBUG=1 keeps symbols and adds what a debugger reads, FASTLAYERS_CFLAGS are
compiler flags that come after all others, so that they win (CFLAGS and LDFLAGS come before ours), and
FASTLAYERS_LINE_TRACE=1 builds kernels whose lines coverage.py can count.
"""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def asked(name: str) -> bool:
    """Whether a variable of the environment asks for what it stands for."""
    return os.environ.get(name, "") not in ("", "0")


PURE = asked("FASTLAYERS_PURE")
REQUIRE_KERNELS = asked("FASTLAYERS_REQUIRE_KERNELS")
DEBUG = asked("FASTLAYERS_DEBUG")
LINE_TRACE = asked("FASTLAYERS_LINE_TRACE")
if PURE and REQUIRE_KERNELS:
    raise SystemExit("FASTLAYERS_PURE asks for no kernels and FASTLAYERS_REQUIRE_KERNELS for all: set one of the two")

try:
    if not PURE:
        import numpy as np
        from Cython.Build import cythonize
except ImportError as error:  # with --no-build-isolation, nothing but what is there
    project = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))
    raise SystemExit(
        f"fastlayers cannot be built ({error}); get what that needs with: "
        f"pip install {shlex.join(project['build-system']['requires'])}, or leave out --no-build-isolation"
    ) from None

# Directives stand here and not in the sources: comments do not pass through `include`.
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "autotestdict": False,  # the kernels have no doctests, and need no name for them
    "embedsignature": True,
    "freethreading_compatible": True,
    "binding": False,  # entries are plain functions of C: what an object for each would hold is 20 KB of a wheel
}

# GCC and Clang: never -ffast-math, which loses NaN and infinity and breaks the rounding in exp. What CC or CFLAGS have
# of it is taken back, and `floating_point.h` refuses what is left. So it is where the linker is called: there each of
# -Ofast, which only another -O replaces, -ffast-math and -funsafe-math-optimizations has GCC link an object that makes
# the processor flush subnormal numbers, for the whole process that imports us.
IEEE_754 = ["-O3", "-fno-fast-math", "-fno-unsafe-math-optimizations"]
# No product is added in one rounding but where `multiply_add` says so. That no one reads errno or the floating-point
# traps of these loops changes no value and lets them vectorise. A short loop that lies across a line of the cache of
# instructions costs softmax of ten classes a tenth: where loops begin is not left to what stands before them.
UNIX_FLAGS = [*IEEE_754, "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-falign-loops=32"]
# GCC alone has these: a quarter less code. They take out of -O3 what copies code for a case that is rare here, and hold
# it to less code where it takes functions into others, and where it unrolls loops of known length. Loops end number by
# number, not in a copy of themselves in narrower vectors: a call of ten to a hundred numbers may lose 0.03 us by it.
# What is left out here cost more elsewhere: -fno-thread-jumps seven times the time of an update, -fno-gcse a quarter of
# tanh in AVX2, and less unrolling a tenth of the loss of narrow rows.
GCC_SMALLER = [
    "-fno-ipa-cp-clone",
    "-fno-split-paths",
    "-fno-split-loops",
    "-fno-unswitch-loops",
    "-fno-gcse-after-reload",
    "-fno-predictive-commoning",
    "-fno-tree-partial-pre",
    "-fno-tree-slp-vectorize",
    "-fno-version-loops-for-strides",
    "-fno-schedule-insns2",
    "-fno-align-jumps",
    "-fno-align-labels",
    "-fno-align-functions",
    "-fmerge-all-constants",  # tables of the same numbers are one: no code compares where constants lie
    "--param=vect-epilogues-nomask=0",
    "--param=early-inlining-insns=6",
    "--param=max-jump-thread-duplication-stmts=5",
    "--param=inline-unit-growth=30",
    "--param=max-completely-peeled-insns=40",
]
# On processors from before 2013 size counts for more: they get -O2, and the parts of -O3 that vectorise loops and keep
# sums in registers. Without -fpeel-loops a training step takes a third longer.
GCC_SMALLEST = [
    "-O2",
    "-ftree-loop-vectorize",
    "-fvect-cost-model=dynamic",
    "-fpeel-loops",
    "-fno-inline-functions",
    "--param=max-completely-peeled-insns=20",
]
# Between kernels, where no loop is. A sixth less yet, by -Os, would cost 2 % of a small step.
GCC_BETWEEN = ["-O2", "--param=max-inline-insns-auto=8"]
# No exception of C++ passes through these functions; only a debugger asks how their frames are unwound.
NO_UNWINDING = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
# The features of the x86-64 psABI's levels by name: compilers older than the levels know these too.
UNIX_V3 = ["-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe", "-mpopcnt"]
UNIX_V4 = [*UNIX_V3, "-mavx512f", "-mavx512dq", "-mavx512cd", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"]
MSVC_FLAGS = ["/O2", "/fp:precise"]
MSVC_LEVELS = {"_x86_64_v3": ["/arch:AVX2"], "_x86_64_v4": ["/arch:AVX512"]}
UNIX_LEVELS = {"_x86_64_v3": UNIX_V3, "_x86_64_v4": UNIX_V4}

LAST_FLAGS = shlex.split(os.environ.get("FASTLAYERS_CFLAGS", ""))
if LINE_TRACE:
    DIRECTIVES["linetrace"] = True
    LAST_FLAGS.append("-DCYTHON_TRACE_NOGIL=1")
# Python's own flags, which come along, may ask for what a debugger reads: several times the size of the code.
STRIP = ["-Wl,-S", "-Wl,-x"] if sys.platform == "darwin" else ["-Wl,-s"]


def modules() -> list[str]:
    """The kernel modules of the platform that is built for: three levels on x86-64, else one, which runs anywhere.

    A universal macOS build compiles each source for two architectures at once, and one has no such levels.
    """
    target = sysconfig.get_platform()  # linux-x86_64, macosx-11.0-universal2, win-amd64, win32
    flags = os.environ.get("ARCHFLAGS", "") if target.startswith("macosx") else ""
    architectures = set(re.findall(r"-arch\s+(\S+)", flags))
    x86_64 = architectures == {"x86_64"} if architectures else target.endswith(("x86_64", "amd64"))
    return ["_x86_64", "_x86_64_v3", "_x86_64_v4"] if x86_64 and sys.maxsize > 2**32 else ["_generic"]


def extension(name: str) -> Extension:
    """One extension module of `fastlayers.kernels`."""
    return Extension(
        f"fastlayers.kernels.{name}",
        [f"fastlayers/kernels/{name}.pyx"],
        include_dirs=[np.get_include(), "fastlayers/kernels/common"],
        depends=[str(header) for header in sorted(Path("fastlayers/kernels/common").glob("*.h"))],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")],
    )


def reason(error: BaseException) -> str:
    """Why something was not built: what the command that failed says when it is run again, else the error itself."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, subprocess.CalledProcessError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return str(error)
    english = {**os.environ, "LC_ALL": "C"}
    again = subprocess.run(cause.cmd, env=english, capture_output=True, text=True, check=False)
    return next((line for line in (again.stderr + again.stdout).splitlines() if "error" in line), str(error))


def takes(command: list[str], flags: list[str]) -> bool:
    """Whether a compiler, by its command, knows all of these flags."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "empty.c")
        source.touch()
        compiling = [*command, "-Werror", *flags, "-c", str(source), "-o", str(source.with_suffix(".o"))]
        try:
            return subprocess.run(compiling, capture_output=True, check=False).returncode == 0
        except OSError:  # there is no such compiler, which the build itself will say
            return False


class BuildKernels(build_ext):
    """Adds the flags of the compiler at hand to each level's module, and keeps the reason for each that fails."""

    def finalize_options(self) -> None:
        """As many modules at a time as there are processors, unless it is said otherwise."""
        super().finalize_options()
        self.parallel = self.parallel or True

    def run(self) -> None:
        """Build all; what was not built is noted beside what was, for `show_config`."""
        self.reasons: dict[str, str] = {}
        super().run()
        note = Path("" if self.inplace else self.build_lib, "fastlayers", "kernels", "not_built.txt")
        note.unlink(missing_ok=True)
        if self.reasons:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text("".join(f"{name}: {why}\n" for name, why in self.reasons.items()), encoding="utf-8")

    def build_extension(self, ext: Extension) -> None:
        """Build one extension, with its level's flags."""
        name = ext.name.rpartition(".")[2]
        msvc = self.compiler.compiler_type == "msvc"
        flags, levels = (MSVC_FLAGS, MSVC_LEVELS) if msvc else (UNIX_FLAGS, UNIX_LEVELS)
        if not msvc:  # else what a loop needs of it would be found by luck, where another module has brought it in
            ext.libraries = [*ext.libraries, "m"]
            smaller = [*GCC_SMALLER, *{"_x86_64": GCC_SMALLEST, "_program": GCC_BETWEEN}.get(name, [])]
            smaller = smaller if takes(self.compiler.compiler_so, smaller) else []
            flags = [*flags, *smaller, *(["-g"] if DEBUG else ["-g0", *NO_UNWINDING])]
            ext.extra_link_args = [*ext.extra_link_args, *IEEE_754, *([] if DEBUG else STRIP)]
            if "-mdaz-ftz" in self.compiler.linker_so:  # the same object by its own flag, which few compilers know
                ext.extra_link_args.append("-mno-daz-ftz")
        ext.extra_compile_args = [*ext.extra_compile_args, *flags, *levels.get(name, []), *LAST_FLAGS]
        try:
            super().build_extension(ext)
        except Exception as error:
            if ext.optional:
                self.reasons[ext.name] = reason(error)
            raise


def extensions() -> list[Extension]:
    """The extensions as C; optional unless they are required; none for a pure wheel."""
    if PURE:
        return []
    sources = [extension(name) for name in ["_cpu", "_memory", "_program", *modules()]]
    built: list[Extension] = cythonize(sources, compiler_directives=DIRECTIVES)
    for ext in built:
        ext.optional = not REQUIRE_KERNELS  # cythonize() drops it from what it is given
    return built


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
