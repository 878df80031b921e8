"""The checks that are too slow, or need too much, for every change: `nox -l` lists them, `nox -s NAME` runs one.

What stands after `--` goes to pytest or to the script: `nox -s sanitize -- tests` runs all tests under the sanitizers.
`.ci/run` is what every change must pass; it runs `sanitize` and `installation` from here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["sanitize", "installation", "coverage"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).resolve().parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
BUILD = PROJECT["build-system"]["requires"]
TEST = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]
GROUPS = PROJECT["dependency-groups"]
REQUIRE_KERNELS = {"FASTLAYERS_REQUIRE_KERNELS": "1"}
BUILT = ("build", "dist", "*.egg-info", "__pycache__", "*.so", "*.pyd", "*.c", "_build", "gallery", "generated")
NOT_COPIED = shutil.ignore_patterns(".*", *BUILT)
# The first NumPy 2 that has a wheel for a Python.
OLDEST_NUMPY = {(3, 11): "2.0.0", (3, 12): "2.0.0", (3, 13): "2.1.0", (3, 14): "2.3.2"}


def copy_of_checkout(session: nox.Session) -> Path:
    """A copy to build in, since a build writes beside the sources."""
    folder = Path(session.create_tmp()).resolve() / "checkout"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    return folder


def install(session: nox.Session, extras: str, *others: str) -> None:
    """Install the package with its kernels."""
    session.install(f"{copy_of_checkout(session)}[{extras}]", *others, env=REQUIRE_KERNELS)


# Memory and undefined behaviour


@nox.session
def sanitize(session: nox.Session) -> None:
    """The tests near the kernels under GCC's sanitizers, which must also catch the faults planted for them."""
    session.install(*BUILD, *TEST)
    session.run("python", "tests/sanitize.py", *session.posargs)


@nox.session
def valgrind(session: nox.Session) -> None:
    """A few tests under valgrind, which must also catch an overread planted for it; needs valgrind."""
    session.install(*BUILD, *TEST)
    session.run("python", "tests/sanitize.py", "--valgrind", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Arbitrary arguments to every public function and method, for ten minutes."""
    install(session, "test")
    session.run("python", "tests/fuzz.py", *(session.posargs or ["--seconds", "600"]))


@nox.session
def leaks(session: nox.Session) -> None:
    """A million calls of each function without growth."""
    install(session, "test")
    session.run("python", "tests/leaks.py", *session.posargs)


# Threads


@nox.session
def parallel(session: nox.Session) -> None:
    """Each test on four threads at once."""
    install(session, "test", "pytest-run-parallel")
    session.run("pytest", "-q", "--parallel-threads=4", "--iterations=1", *session.posargs)


@nox.session(venv_backend="none")
def free_threaded(session: nox.Session) -> None:
    """The tests on a CPython without the GIL, which this builds from Debian's source package."""
    session.run("bash", ".ci/free-threaded", *session.posargs, external=True)


# Installations


def interpreters() -> Iterator[tuple[str, str]]:
    """The version and path of each CPython from 3.11 on that is on the PATH or was built by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*pyenv.glob("versions/3.*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    ask = "import platform, sys; print(platform.python_version(), sys.implementation.name, sys.executable)"
    versions = set()
    for folder, minor in product(folders, range(11, 15)):
        path = folder / f"python3.{minor}"
        if path.is_file():
            answer = subprocess.run([path, "-I", "-c", ask], capture_output=True, text=True, check=False).stdout.split()
            if answer and answer[1] == "cpython" and answer[0] not in versions:  # none from one that cannot run
                versions.add(answer[0])
                yield answer[0], answer[2]


def suite(session: nox.Session, source: Path, *before: str, kernels: bool = True) -> None:
    """The tests (or those of the arguments) of an unpacked sdist on the installed package; run from elsewhere."""
    tests = [str(source / test) for test in session.posargs or ["tests"]]
    check = ["python", str(ROOT / ".ci" / "kernels.py"), *([] if kernels else ["--none"])]
    env = {"PYTHONDONTWRITEBYTECODE": None, "FASTLAYERS_TEST_PURE": None if kernels else "1"}
    with session.chdir(session.create_tmp()):
        session.run(*check, env=env)
        pytest = ["pytest", "-q", "-p", "no:cacheprovider", "-c", str(source / "pyproject.toml"), *tests]
        session.run(*before, *pytest, env=env, external=bool(before))


def install_in_every_way(session: nox.Session) -> None:
    """A wheel of the sdist on the newest NumPy, read-only, on the oldest NumPy; the sdist without a compiler."""
    checkout = copy_of_checkout(session)
    session.install("build", *TEST)
    session.run("python", "-m", "build", "--quiet", str(checkout), env=REQUIRE_KERNELS)
    (sdist,), (wheel,) = checkout.glob("dist/*.tar.gz"), checkout.glob("dist/*.whl")
    shutil.unpack_archive(sdist, checkout / "dist")
    source = checkout / "dist" / sdist.name.removesuffix(".tar.gz")
    anew = ["--force-reinstall", "--no-deps"]

    session.log("a wheel, and the newest NumPy")
    session.install(*anew, str(wheel))
    suite(session, source)

    session.log("a package directory that cannot be written to")
    where = "import pathlib, fastlayers; print(pathlib.Path(fastlayers.__file__).parent)"
    package = session.run("python", "-P", "-c", where, silent=True).strip()
    suite(session, source, "sh", str(ROOT / ".ci" / "read-only"), package)

    version = session.run("python", "-c", "import sys; print(*sys.version_info[:2])", silent=True).split()
    oldest = OLDEST_NUMPY[tuple(map(int, version))]
    session.log(f"NumPy {oldest}")
    session.install(f"numpy=={oldest}", "--only-binary", "numpy")
    suite(session, source)

    session.log("the sdist, without a compiler")
    session.install(*anew, str(sdist), env={"CC": "no-such-compiler", "CXX": "no-such-compiler"})
    suite(session, source, kernels=False)


@nox.session
def installation(session: nox.Session) -> None:
    """The tests on an installation of each kind, on one Python."""
    install_in_every_way(session)


@nox.session
@nox.parametrize("python", [nox.param(path, id=version) for version, path in interpreters()])
def installations(session: nox.Session) -> None:
    """The same on each CPython that this machine has."""
    install_in_every_way(session)


# Documentation

PAGES = ROOT / "build" / "docs"


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, into build/docs: a warning, an example that fails or a dead link fails it; needs npm."""
    install(session, "demo,mpi,onnx,safetensors,sklearn", *GROUPS["docs"])
    checkout = Path(session.create_tmp()).resolve() / "checkout"
    shutil.rmtree(PAGES, ignore_errors=True)
    sphinx = ["sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "-d", str(checkout / "doctrees")]
    with session.chdir(checkout):  # Python runs scripts, and no `-m`: it is the installed package that is imported
        session.run(*sphinx, "-b", "html", "docs", str(PAGES))
        session.run(*sphinx, "-b", "doctest", "docs", str(checkout / "doctest"))
    session.run("python", "docs/links.py", str(PAGES))


@nox.session
def docs_browser(session: nox.Session) -> None:
    """What `docs` built, in a real browser; needs Chromium (Debian: apt-get install chromium)."""
    if not PAGES.is_dir():
        session.error(f"{PAGES} is not there: run nox -s docs first")
    session.install(*GROUPS["docs-browser"])
    session.run("pytest", "-q", "-p", "no:cacheprovider", "docs/test_browser.py", *session.posargs)


# Coverage


@nox.session
def coverage(session: nox.Session) -> None:
    """Lines and branches of the Python files that the tests run, on both paths and in processes of their own."""
    install(session, "test,demo,mpi,onnx,safetensors", "onnxruntime", "pytest-cov>=7")
    session.run("pytest", "-q", "--cov", "--cov-report=term", *session.posargs)


LINE_TRACING = """
[run]
core = ctrace
plugins = Cython.Coverage
source = fastlayers/kernels
[report]
show_missing = true
exclude_lines = ^\\s*(cdef|cpdef|def) .*[:(]$
"""


# Later Pythons are traced by another protocol, of which Cython's plugin for coverage knows nothing.
@nox.session(python="3.11")
def coverage_kernels(session: nox.Session) -> None:
    """Lines of the Cython source that the tests run, file by file, by Cython's own line tracing."""
    session.install(*BUILD, *TEST, "coverage>=7.10")
    source = copy_of_checkout(session)
    (source / "kernels.ini").write_text(LINE_TRACING)
    with session.chdir(source):
        traced = {"FASTLAYERS_LINE_TRACE": "1", "FASTLAYERS_CFLAGS": "-O2", **REQUIRE_KERNELS}
        session.run("python", "setup.py", "--quiet", "build_ext", "--inplace", "--parallel=2", env=traced)
        for family in Path("fastlayers/kernels").glob("*.p[yx][xd]"):  # the plugin looks for a C file of the same name
            if not family.with_suffix(".c").exists():
                family.with_suffix(".c").symlink_to("_x86_64.c")
        near = ("relu", "sigmoid", "softmax", "affine", "cross_entropy", "loss_options", "optimizers", "out", "predict")
        one_level = ["-k", "x86-64-v3"]  # whose kernels are all there are; every line is traced, and slow
        tests = session.posargs or [*(f"tests/test_{family}.py" for family in near), *one_level]
        session.run("coverage", "run", "--rcfile=kernels.ini", "-m", "pytest", "-q", *tests)
        session.run("coverage", "report", "--rcfile=kernels.ini")
