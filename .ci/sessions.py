"""What the sessions of noxfile.py share: where things are, what is installed, how an installation is tested."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / ".ci"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
BUILD = PROJECT["build-system"]["requires"]
TEST = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]
REQUIRE_KERNELS = {"FASTLAYERS_REQUIRE_KERNELS": "1"}
NO_COMPILER = {"CC": "no-such-compiler", "CXX": "no-such-compiler", "FASTLAYERS_REQUIRE_KERNELS": "0"}
PURE = {"FASTLAYERS_PURE": "1", "FASTLAYERS_REQUIRE_KERNELS": "0", "CC": "no-such-compiler"}
NO_EXTENSIONS = {"PYTHONPATH": str(SCRIPTS / "no_extensions")}
# The extras and the dependency group that Read the Docs installs: what builds with them here builds there too.
READ_THE_DOCS = re.search(
    r"pip install '\.\[(.+)\]' --group (\w+)", (ROOT / ".readthedocs.yaml").read_text(encoding="utf-8")
).groups()
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
    """Install the package with its kernels, of the wheel that FASTLAYERS_WHEEL names, if any."""
    source = copy_of_checkout(session)
    session.install(f"{os.environ.get('FASTLAYERS_WHEEL', source)}[{extras}]", *others, env=REQUIRE_KERNELS)


def group(name: str) -> list[str]:
    """The requirements of one of the dependency groups."""
    return list(nox.project.dependency_groups(PROJECT, name))


def interpreters() -> Iterator[tuple[str, str]]:
    """The version and path of each CPython from 3.11 on that is on the PATH, or was built by pyenv or .ci/cpython.

    That of one without the GIL ends with a t.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    ours = [*pyenv.glob("versions/3.*/bin"), *ROOT.glob("build/pythons/3.*/usr/bin")]
    folders = [*ours, *map(Path, os.environ["PATH"].split(os.pathsep))]
    ask = (
        "import platform, sys, sysconfig\n"
        "t = 't' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''\n"
        "print(platform.python_version() + t, sys.implementation.name, sys.executable)"
    )
    versions = set()
    for folder, minor, t in product(folders, range(11, 15), ("", "t")):
        path = folder / f"python3.{minor}{t}"
        if path.is_file():
            answer = subprocess.run([path, "-I", "-c", ask], capture_output=True, text=True, check=False).stdout.split()
            if answer and answer[1] == "cpython" and answer[0] not in versions:  # none from one that cannot run
                versions.add(answer[0])
                yield answer[0], answer[2]


def suite(
    session: nox.Session, source: Path, *before: str, options: Sequence[str] = (), kernels: bool = True, **env: str
) -> None:
    """The tests (or those of the arguments) of `source` on the installed package; run from elsewhere."""
    tests = [str(source / test) for test in session.posargs or ["tests"]]
    check = ["python", str(SCRIPTS / "kernels.py"), *([] if kernels else ["--none"])]
    env = {"PYTHONDONTWRITEBYTECODE": None, "FASTLAYERS_TEST_PURE": None if kernels else "1", **env}
    with session.chdir(session.create_tmp()):
        session.run(*check, env=env)
        pytest = ["pytest", "-q", "-p", "no:cacheprovider", "-c", str(source / "pyproject.toml"), *options, *tests]
        session.run(*before, *pytest, env=env, external=bool(before))


def build(session: nox.Session, folder: Path) -> None:
    """An sdist and a wheel of it into a folder, checked."""
    session.install(*BUILD, *group("wheel"))
    with session.chdir(copy_of_checkout(session)):
        session.run("python", str(SCRIPTS / "wheel.py"), str(folder), env=REQUIRE_KERNELS)


def install_in_every_way(session: nox.Session, folder: Path) -> None:
    """The wheel on the newest NumPy, read-only, on the oldest NumPy; the pure one; the sdist without a compiler."""
    (sdist,), (wheel,), (pure,) = folder.glob("*.tar.gz"), folder.glob("*-cp*.whl"), folder.glob("*-none-any.whl")
    unpacked = Path(session.create_tmp()).resolve() / "sdist"
    shutil.unpack_archive(sdist, unpacked)
    source = unpacked / sdist.name.removesuffix(".tar.gz")
    anew = ["--force-reinstall", "--no-deps"]
    session.install(*TEST)

    session.log("a wheel, and the newest NumPy")
    session.install(*anew, str(wheel))
    suite(session, source)

    session.log("a package directory that cannot be written to")
    where = "import pathlib, fastlayers; print(pathlib.Path(fastlayers.__file__).parent)"
    package = session.run("python", "-P", "-c", where, silent=True).strip()
    suite(session, source, "sh", str(SCRIPTS / "read-only"), package)

    version = session.run("python", "-c", "import sys; print(*sys.version_info[:2])", silent=True).split()
    oldest = OLDEST_NUMPY[tuple(map(int, version))]
    session.log(f"NumPy {oldest}")
    session.install(f"numpy=={oldest}", "--only-binary", "numpy")
    suite(session, source)

    session.log("the pure wheel, where no extension loads; nor does that of the other wheel there")
    ask = "import fastlayers; fastlayers.show_config(); assert fastlayers.get_backend() == 'reference'"
    session.run("python", "-P", "-c", ask, env=NO_EXTENSIONS)
    session.install(*anew, str(pure))
    suite(session, source, kernels=False, **NO_EXTENSIONS)

    session.log("the sdist, without a compiler")
    session.install(*anew, str(sdist), env=NO_COMPILER)
    suite(session, source, kernels=False)
