#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2024.10.9"]
# ///

"""Every check, one by one: `nox -l` lists them, `nox -s NAME` runs one.

What stands after `--` goes to pytest or to the script: `nox -s sanitize -- tests` runs all tests under the sanitizers.
What a session does stands in `.ci/` where `.ci/run`, which every change must pass, does it too; the rest is too slow,
or needs too much, for every change.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent / ".ci"))
from sessions import (
    BUILD,
    NO_EXTENSIONS,
    PROJECT,
    PURE,
    READ_THE_DOCS,
    REQUIRE_KERNELS,
    ROOT,
    SCRIPTS,
    TEST,
    build,
    copy_of_checkout,
    group,
    install,
    install_in_every_way,
    interpreters,
    suite,
)

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"  # which brings pip along: some tests install
nox.options.error_on_missing_interpreters = True

INTERPRETERS = dict(interpreters())
EACH = [nox.param(path, id=version) for version, path in INTERPRETERS.items()]

EVERY_CASE = ["-n", "auto", "--all"]  # else tests run a sample of their cases

# What every change must pass


@nox.session
def lint(session: nox.Session) -> None:
    """All that is read and not run."""
    session.install(*group("lint"))
    session.run("bash", str(SCRIPTS / "lint"), external=True)


@nox.session
def types(session: nox.Session) -> None:
    """The annotations."""
    install(session, "test", *group("types"))
    session.run("bash", str(SCRIPTS / "types"), external=True)


@nox.session
def test(session: nox.Session) -> None:
    """The tests on both paths, as the README says to run them: `nox -s test -- --all` for every case on every level."""
    with session.chdir(copy_of_checkout(session)):
        session.run("bash", str(SCRIPTS / "readme"), "test", *session.posargs, external=True, env=REQUIRE_KERNELS)


@nox.session(name="test-pure", default=False)
def test_pure(session: nox.Session) -> None:
    """Every case of the tests on the pure wheel, where no extension module loads but Python's own and NumPy's."""
    source = copy_of_checkout(session)
    session.install(f"{source}[test]", env=PURE)
    suite(session, source, options=EVERY_CASE, kernels=False, **NO_EXTENSIONS)


@nox.session(name="test-isa", default=False)
def test_isa(session: nox.Session) -> None:
    """Every case of the tests on each instruction set of this machine, in processes that are held to it."""
    source = copy_of_checkout(session)
    session.install(f"{source}[test]", env=REQUIRE_KERNELS)
    ask = "from fastlayers._core import backend; print(*backend.supported_levels())"
    for level in session.run("python", "-P", "-c", ask, silent=True).split():
        session.log(f"FASTLAYERS_ISA={level}")
        suite(session, source, options=EVERY_CASE, FASTLAYERS_ISA=level)


@nox.session(default=False)
def mutations(session: nox.Session) -> None:
    """Bugs planted in kernels, rules, formats and training, which the tests must notice."""
    session.install(*BUILD, *TEST)
    session.run("python", "tests/mutations.py", *session.posargs)


@nox.session(default=False)
def sklearn_tests(session: nox.Session) -> None:
    """scikit-learn's own tests of its multi-layer perceptrons, on the estimators of this package in their place."""
    install(session, "sklearn", "pytest>=8.0", "pandas")  # without pandas some would be skipped
    session.run("python", "tests/scikit_learn_suite.py", "-q", "--all", *session.posargs)


# Memory and undefined behaviour


@nox.session
def sanitize(session: nox.Session) -> None:
    """The tests near the kernels under GCC's sanitizers, which must also catch the faults planted for them."""
    session.install(*BUILD, *TEST)
    session.run("python", "tests/sanitize.py", *session.posargs)


@nox.session(default=False)
def valgrind(session: nox.Session) -> None:
    """A few tests under valgrind, which must also catch an overread planted for it; needs valgrind."""
    session.install(*BUILD, *TEST)
    session.run("python", "tests/sanitize.py", "--valgrind", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Arbitrary arguments to every public function and method, for ten minutes."""
    install(session, "test")
    session.run("python", "tests/fuzz.py", *(session.posargs or ["--seconds", "600"]))


@nox.session(default=False)
def leaks(session: nox.Session) -> None:
    """A million calls of each function without growth."""
    install(session, "test")
    session.run("python", "tests/leaks.py", *session.posargs)


# Threads


@nox.session(default=False)
def parallel(session: nox.Session) -> None:
    """Each test on four threads at once."""
    install(session, "test", "pytest-run-parallel")
    session.run("pytest", "-q", "--parallel-threads=4", "--iterations=1", *session.posargs)


# Other Pythons and machines


@nox.session(venv_backend="none", default=False)
def cpython(session: nox.Session) -> None:
    """What `pythons` lacks here, from Debian's packages: `nox -s cpython -- 3.14 3.13t`; t is without the GIL."""
    for version in session.posargs:
        session.run("bash", str(SCRIPTS / "cpython"), version, external=True)


@nox.session(default=False)
@nox.parametrize("python", EACH)
def pythons(session: nox.Session) -> None:
    """The tests on each CPython that this machine has; without the GIL also each on four threads at once."""
    source = copy_of_checkout(session)
    wheels = {"PIP_ONLY_BINARY": "numpy"}  # of the newest there may be none for such a Python
    session.install(f"{source}[test]", env=REQUIRE_KERNELS | wheels)
    # Not by its path, which without the GIL may be that of a python3.13 too.
    without_gil = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED'))"
    if str(session.run("python", "-c", without_gil, silent=True)).strip() == "1":
        suite(session, source, options=EVERY_CASE, FASTLAYERS_TEST_THREADS="16", **wheels)
        session.install("pytest-run-parallel")
        suite(session, source, options=["--parallel-threads=4", "--iterations=1"], **wheels)
    else:
        suite(session, source, options=EVERY_CASE, **wheels)


# What is built for another machine is built by the version of Python that it is for, and Debian 13 has this one.
PYTHON_3_13 = next((path for version, path in INTERPRETERS.items() if re.fullmatch(r"3\.13\.\d+", version)), "3.13")


@nox.session(python=PYTHON_3_13, default=False)
def arm64(session: nox.Session) -> None:
    """The kernels built for arm64, and the tests of functions and layers under emulation; for root of a Debian."""
    session.install(*BUILD)
    with session.chdir(copy_of_checkout(session)):
        session.run("bash", str(SCRIPTS / "arm64"), str(ROOT / "build" / "arm64"), *session.posargs, external=True)


@nox.session(default=False)
def c(session: nox.Session) -> None:
    """Networks' C files on x86-64, arm64 and a Cortex-M, under emulation; for root of a Debian."""
    needs = {
        "clang": "clang",
        "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
        "arm-none-eabi-gcc": "gcc-arm-none-eabi",
        "/usr/lib/arm-none-eabi/newlib": "libnewlib-arm-none-eabi",
        "qemu-arm": "qemu-user",
    }
    session.run("bash", str(SCRIPTS / "debian"), *map(":".join, needs.items()), external=True)
    install(session, "test")
    session.run("python", "tests/c_machines.py")


# Installations


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """An sdist and a wheel, repaired and checked, into dist/."""
    build(session, ROOT / "dist")


@nox.session(requires=["dist"])
def wheel(session: nox.Session) -> None:
    """The tests on an installation of each kind, of what `dist` leaves, in an environment that has built nothing."""
    install_in_every_way(session, ROOT / "dist")


@nox.session(default=False)
@nox.parametrize("python", EACH)
def installations(session: nox.Session) -> None:
    """Both on each CPython that this machine has."""
    folder = Path(session.create_tmp()).resolve() / "dist"
    build(session, folder)
    install_in_every_way(session, folder)


@nox.session(default=False)
def identifiers(session: nox.Session) -> None:
    """What cibuildwheel would build on each machine of the release workflow: every Python, and no other."""
    session.install(*group("cibuildwheel"))
    session.run("python", str(SCRIPTS / "identifiers.py"))


@nox.session(default=False)
@nox.parametrize("python", EACH)
def cibuildwheel(session: nox.Session) -> None:
    """The commands that cibuildwheel is given, by hand, on each CPython that this Linux machine has: no containers."""
    options = PROJECT["tool"]["cibuildwheel"]
    source, folder = copy_of_checkout(session), Path(session.create_tmp()).resolve() / "wheels"
    shutil.copytree(SCRIPTS, source / SCRIPTS.name)
    shutil.rmtree(folder, ignore_errors=True)
    session.install(*group("wheel"))
    env = options["environment"] | {"PIP_ONLY_BINARY": "numpy"}
    session.run("python", "-m", options["build-frontend"], "--wheel", "--outdir", str(folder), str(source), env=env)
    (built,) = folder.glob("*.whl")
    repair = options["linux"]["repair-wheel-command"].format(dest_dir=folder / "repaired", wheel=built)
    session.run(*shlex.split(repair))
    (repaired,) = folder.glob("repaired/*manylinux_*.whl")
    session.install(f"{repaired}[{','.join(options['test-extras'])}]", env=env)
    with session.chdir(folder):
        test = options["test-command"].format(project=source)
        session.run("sh", "-c", " ".join([test, *session.posargs]), external=True, env=env)


# Documentation

PAGES = ROOT / "build" / "docs"


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The documentation, into build/docs: a warning, an example that fails or a dead link fails it; needs npm."""
    extras, requirements = READ_THE_DOCS
    install(session, extras, *group(requirements))
    checkout = Path(session.create_tmp()).resolve() / "checkout"
    shutil.rmtree(PAGES, ignore_errors=True)
    sphinx = ["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "-d", str(checkout / "doctrees")]
    with session.chdir(checkout):  # Python runs scripts, and no `-m`: it is the installed package that is imported
        session.run(*sphinx, "-b", "html", "docs", str(PAGES))
        session.run(*sphinx, "-b", "doctest", "docs", str(checkout / "doctest"))
    session.run("python", "docs/links.py", str(PAGES))


@nox.session(default=False)
def docs_browser(session: nox.Session) -> None:
    """What `docs` built, in a real browser; needs Chromium (Debian: apt-get install chromium)."""
    if not PAGES.is_dir():
        session.error(f"{PAGES} is not there: run nox -s docs first")
    session.install(*group("docs-browser"))
    session.run("pytest", "-q", "-p", "no:cacheprovider", "docs/test_browser.py", *session.posargs)


# Coverage


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Lines and branches of the Python files that the tests run, on both paths and in processes of their own."""
    install(session, "test,demo,mpi,onnx,rl,safetensors", "onnxruntime", "pytest-cov>=7")
    session.run("pytest", "-q", *EVERY_CASE, "--cov", "--cov-report=term", *session.posargs)


# Later Pythons are traced by another protocol, of which Cython's plugin for coverage knows nothing.
@nox.session(python="3.11", default=False)
def coverage_kernels(session: nox.Session) -> None:
    """Lines of the Cython source that the tests run, file by file."""
    session.install(*BUILD, *TEST, "coverage>=7.10")
    with session.chdir(copy_of_checkout(session)):
        session.run("bash", str(SCRIPTS / "kernel-lines"), *session.posargs, external=True)


# Speed


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure each goal beside its peer, and write docs/benchmarks.md and README.md's figures."""
    install(session, "bench,mpi,rl")
    session.run("python", str(ROOT / "bench" / "report.py"), *session.posargs)


if __name__ == "__main__":
    nox.main()
