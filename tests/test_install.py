"""An install where the kernels cannot be built, or are not to be: it runs on the reference, and says so."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastlayers

pytest.importorskip("pip", reason="the installs are made with pip")

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    "setup.py",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "_fastlayers_command.py",
]


def builds_here():
    """Whether what a build requires is here; else pip gets it anew for each, which takes longer than all else."""
    try:
        import Cython  # noqa: F401
        import setuptools
    except ImportError:
        return False
    return int(setuptools.__version__.split(".")[0]) >= 77


WITH_WHAT_IS_HERE = ["--no-build-isolation"] if builds_here() else []


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the build reads, without anything built before; its kernels are empty, since none is compiled."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    built = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")
    shutil.copytree(ROOT / "fastlayers", copy / "fastlayers", ignore=built)
    (copy / "fastlayers" / "kernels" / "all.pyx").write_text("")
    return copy


def pip(checkout, *arguments, **environment):
    """Pip's outcome with a compiler that does not exist, on what a build requires where that is here."""
    missing = str(checkout / "no-such-compiler")
    return subprocess.run(
        [sys.executable, "-m", "pip", *map(str, arguments), *WITH_WHAT_IS_HERE],
        env={**os.environ, "CC": missing, "CXX": missing, **environment},
        capture_output=True,
        text=True,
    )


def python(target, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )


@pytest.mark.exhaustive
def test_without_a_compiler_the_reference_answers(checkout, tmp_path):
    target = tmp_path / "site"
    outcome = pip(checkout, "install", "--no-deps", "--target", target, checkout)
    assert outcome.returncode == 0, outcome.stderr
    assert not list(target.rglob("kernels/*.so"))

    code = (
        "import fastlayers as fl, pathlib; print(pathlib.Path(fl.__file__).parent); print(fl.get_backend());"
        "print(fl.Relu().forward([-1.0, 2.0])); fl.show_config()"
    )
    ran = python(target, "-c", code)
    assert ran.returncode == 0, ran.stderr
    where, backend, result, *report = ran.stdout.splitlines()
    assert Path(where) == target / "fastlayers"
    assert backend == "reference"
    assert result == "[0. 2.]"
    report = "\n".join(report)
    assert "The compiled kernels are not there" in report
    assert "install a C compiler" in report
    assert re.search(r"^not loaded .*\b_cpu'.* build failed: .*no-such-compiler", report, re.MULTILINE)

    script = next(target.glob("*/fastlayers*"))  # bin/fastlayers, Scripts/fastlayers.exe
    for backend, status, error in [("fast", 2, "unknown FASTLAYERS_BACKEND 'fast'"), ("cython", 1, "the compiled")]:
        env = {**os.environ, "PYTHONPATH": str(target), "FASTLAYERS_BACKEND": backend}
        told = subprocess.run([script, "info"], env=env, capture_output=True, text=True)
        assert (told.returncode, told.stdout) == (status, "")
        assert told.stderr.startswith(f"fastlayers: error: {error}")
        assert told.stderr.count("\n") == 1

    info = python(target, "-m", "fastlayers", "info")
    assert info.returncode == 0, info.stderr
    assert "install a C compiler" in info.stdout

    asked = python(target, "-c", "import fastlayers; fastlayers.set_backend('cython')")
    assert asked.returncode == 1
    assert "ImportError: the compiled kernels are not there" in asked.stderr


@pytest.mark.exhaustive
def test_a_packager_can_require_the_kernels(checkout, tmp_path):
    outcome = pip(
        checkout, "install", "--no-deps", "--target", tmp_path / "site", checkout, FASTLAYERS_REQUIRE_KERNELS="1"
    )
    assert outcome.returncode != 0
    assert "no-such-compiler" in outcome.stdout + outcome.stderr


@pytest.mark.exhaustive
def test_a_pure_wheel(checkout, tmp_path):
    """It is for any platform, is built without Cython, NumPy and a compiler, and has no kernels and no note on them."""
    for package in ("Cython", "numpy"):
        (tmp_path / "none" / package).mkdir(parents=True)
        (tmp_path / "none" / package / "__init__.py").write_text("raise ImportError")
    wheel = ["wheel", "--no-deps", "--wheel-dir", tmp_path, checkout]
    environment = {"FASTLAYERS_PURE": "1", "PYTHONPATH": str(tmp_path / "none")}

    outcome = pip(checkout, *wheel, **environment, FASTLAYERS_REQUIRE_KERNELS="1")
    assert outcome.returncode != 0
    assert "FASTLAYERS_PURE asks for no kernels" in outcome.stdout + outcome.stderr

    outcome = pip(checkout, *wheel, **environment, FASTLAYERS_REQUIRE_KERNELS="")
    assert outcome.returncode == 0, outcome.stderr
    (built,) = tmp_path.glob("*.whl")
    assert built.name == f"fastlayers-{fastlayers.__version__}-py3-none-any.whl"

    target = tmp_path / "site"
    assert pip(checkout, "install", "--no-deps", "--target", target, built).returncode == 0
    kernels = {file.name for file in (target / "fastlayers" / "kernels").iterdir()} - {"__pycache__"}
    assert kernels == {"__init__.py", "_cpu.pyi", "_memory.pyi"}
    # Where kernels are installed it warns that it hides them.
    quiet, asked = "ignore:the pure wheel:RuntimeWarning", "print(fl.Relu().forward([-1.0, 2.0])); fl.show_config()"
    ran = python(target, "-W", quiet, "-c", f"import fastlayers as fl; {asked}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("[0. 2.]\n")
    assert "this is the pure wheel (py3-none-any), which has none" in ran.stdout
    assert "pip install --force-reinstall --no-deps --no-cache-dir --no-binary fastlayers fastlayers;" in ran.stdout
