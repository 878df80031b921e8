"""What a user is told to do: commands that work however the package was installed; and a build that is hidden."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import environment

import fastlayers
from fastlayers._core import advice, backend

PROJECT = Path(__file__).resolve().parents[1]
EXTRAS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
USED = ["demo", "safetensors", "onnx", "mpi", "sklearn", "completion"]


# Packages


@pytest.mark.parametrize("extra", USED)
def test_an_extra_is_installed_by_its_requirements(extra: str) -> None:
    """This package is in no index, and need not be installed: its name stands for nothing there."""
    pip, install, *requirements = shlex.split(advice.install(extra, "missing"))
    assert (pip, install) == ("pip", "install")
    assert requirements == [requirement.replace("'", '"') for requirement in EXTRAS[extra]]


def test_sources_that_were_never_installed_ask_for_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", unknown)
    assert advice.install("demo", "scikit-learn") == "pip install scikit-learn"


# Kernels

ORIGINS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "an index": (None, "fastlayers"),
    "a folder": ({"url": "file:///home/a%20b/fast", "dir_info": {}}, "'/home/a b/fast'"),
    "a repository": (
        {"url": "https://host/fast.git", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"}},
        "git+https://host/fast.git@abc",
    ),
    "an archive": ({"url": "https://host/fast.tar.gz", "archive_info": {}}, "https://host/fast.tar.gz"),
}


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, origin: dict[str, Any] | None, *, pure: bool = False
) -> None:
    """Let the package be one that was installed into a folder."""
    files = {
        "direct_url.json": None if origin is None else json.dumps(origin),
        "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(pure).lower()}\n",
    }
    installed = SimpleNamespace(read_text=files.get, locate_file=lambda name: folder / name)
    monkeypatch.setattr(advice, "_distribution", lambda: installed)
    monkeypatch.setattr(advice, "_PACKAGE", os.path.realpath(folder / "fastlayers"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
@pytest.mark.parametrize(("origin", "source"), ORIGINS.values(), ids=ORIGINS)
def test_kernels_are_built_from_where_the_package_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, source: str
) -> None:
    install(monkeypatch, tmp_path, origin)
    told = advice.how_to_build()
    assert told.startswith("install a C compiler (")
    assert f"then: pip install --force-reinstall --no-deps --no-cache-dir {source}; with" in told


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
def test_the_pure_wheel_is_not_installed_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name or by its file pip would take the same wheel again; a folder or an archive of sources it builds."""
    by_name = "--no-binary fastlayers fastlayers"
    wheel = {"url": "file:///a/fastlayers-1-py3-none-any.whl", "archive_info": {}}
    origins = [(None, by_name), (wheel, by_name), *list(ORIGINS.values())[1:]]
    for origin, source in origins:
        install(monkeypatch, tmp_path, origin, pure=True)
        assert f" --no-cache-dir {source}; with" in advice.how_to_build()


def test_what_the_pure_wheel_says(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "every level: this is the pure wheel (py3-none-any), which has none"
    install(monkeypatch, tmp_path / "pure", None, pure=True)
    monkeypatch.setattr(backend, "_compiled", None)
    monkeypatch.setattr(backend, "EVERY_MODULE", set())
    with pytest.raises(
        ImportError, match=re.escape(f"the compiled kernels are not there: {why}; to get them, install")
    ):
        fastlayers.set_backend("cython")
    fastlayers.show_config()
    assert f"\nnot loaded       {why}\n" in capsys.readouterr().out

    monkeypatch.setattr(sys, "path", [str(site)])
    with pytest.warns(
        RuntimeWarning, match="the pure wheel in .*, is imported in place of .*: uninstall one of the two"
    ):
        advice.warn_of_hidden_kernels(backend.MODULES.values(), 1)


@pytest.mark.parametrize("editable", [True, False])
def test_kernels_of_a_checkout_are_built_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editable: bool
) -> None:
    install(monkeypatch, tmp_path, {"url": tmp_path.as_uri(), "dir_info": {"editable": editable}})
    (tmp_path / "setup.py").touch()
    told = advice.how_to_build()
    assert f"build them in place with: pip install -e {shlex.quote(str(tmp_path))}; if that" in told
    assert told.startswith("build" if editable else f"leave {tmp_path}, ")


# A build that sources hide


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sources without kernels."""
    folder = tmp_path_factory.mktemp("sources")
    built = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__")
    shutil.copytree(Path(fastlayers.__file__).parent, folder / "fastlayers", ignore=built)
    (folder / "use.py").write_text("import fastlayers\nimport fastlayers.network\nprint(fastlayers.get_backend())\n")
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with a kernel of this package's, which is not loaded."""
    kernels = tmp_path / "fastlayers" / "kernels"
    kernels.mkdir(parents=True)
    (kernels / f"{backend.MODULES['baseline']}{EXTENSION_SUFFIXES[0]}").touch()
    return tmp_path


def used(sources: Path, *places: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A script that stands beside the sources, with places where packages are installed."""
    env = environment(**variables) | {"PYTHONPATH": os.pathsep.join(map(str, places))}
    command = [sys.executable, "-W", "default", "use.py"]
    return subprocess.run(command, cwd=sources, env=env, capture_output=True, text=True, timeout=60, check=True)


def test_sources_that_hide_a_build_say_so_once(sources: Path, site: Path) -> None:
    done = used(sources, site)
    assert done.stdout == "reference\n"
    warning, line = done.stderr.splitlines()
    assert warning.startswith(f"{sources / 'use.py'}:1: RuntimeWarning: the sources in {sources / 'fastlayers'}, which")
    assert f"are imported in place of {site / 'fastlayers'}, which has them: start Python in another folder" in warning
    assert line == "  import fastlayers"


def test_a_reference_that_was_asked_for_hides_nothing(sources: Path, site: Path) -> None:
    assert used(sources, site, FASTLAYERS_BACKEND="reference").stderr == ""


def test_sources_that_hide_nothing_say_nothing(sources: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no other build, or none with kernels, or the sources stand there twice."""
    monkeypatch.setattr(advice, "_PACKAGE", str(site / "fastlayers"))
    monkeypatch.setattr(sys, "path", ["", str(site), str(site / "."), str(sources), str(site / "missing")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advice.warn_of_hidden_kernels(backend.MODULES.values(), 1)


# A build without what it needs


def test_a_build_says_what_it_needs(tmp_path: Path) -> None:
    """Without isolation from what is installed, it has what is installed alone."""
    for name, text in {
        "setuptools/__init__.py": "Extension = setup = object",
        "setuptools/command/__init__.py": "",
        "setuptools/command/build_ext.py": "build_ext = object",
        "Cython/__init__.py": "raise ModuleNotFoundError(\"No module named 'Cython'\")",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    env = environment() | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", str(PROJECT / "setup.py")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "fastlayers cannot be built (No module named 'Cython'); get what that needs with: pip "
    )
    assert "'cython>=" in done.stderr
    assert done.stderr.count("\n") == 1
