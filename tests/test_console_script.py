"""The console script: what is wrong before the package is imported is one line, and the package still raises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import COMMAND, environment, fail, run, succeed

import fastlayers

SCRIPT = [sys.executable, "-P", "-c", "import sys; from _fastlayers_command import main; sys.exit(main())"]


def test_it_is_the_command() -> None:
    assert succeed("--version", command=SCRIPT) == f"fastlayers {fastlayers.__version__}\n"
    assert succeed("info", command=SCRIPT) == succeed("info")
    assert "invalid choice: 'fly'" in fail("fly", status=2, command=SCRIPT)
    assert run("predict", "missing.npz", command=SCRIPT).returncode == 1


BOTH = pytest.mark.parametrize("command", [SCRIPT, COMMAND], ids=["fastlayers", "python -m fastlayers"])


@BOTH
@pytest.mark.parametrize("name", ["FASTLAYERS_BACKEND", "FASTLAYERS_ISA", "FASTLAYERS_NUM_THREADS"])
@pytest.mark.parametrize("args", [["info"], ["train", "--json"], ["--help"]], ids=" ".join)
def test_an_unknown_setting(command: list[str], name: str, args: list[str]) -> None:
    env = environment(**{name: "bad"})
    done = subprocess.run([*command, *args], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fastlayers: error: unknown {name} 'bad'; known are ")
    assert done.stderr.count("\n") == 1
    imported = subprocess.run(
        [sys.executable, "-P", "-c", "import fastlayers"], env=env, capture_output=True, text=True, check=False
    )
    assert f"\nValueError: unknown {name} 'bad'; known are " in imported.stderr


@pytest.mark.parametrize("run_as", [["-m", "other", "fastlayers"], ["-m", "fastlayers_too"], ["-c", "import other"]])
def test_another_program_gets_the_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_as: list[str]) -> None:
    """Also one that is run as the command is, and whose package imports this one."""
    for name in ("other", "fastlayers_too"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("import fastlayers\n")
        (tmp_path / name / "__main__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    env = environment(FASTLAYERS_ISA="bad")
    done = subprocess.run([sys.executable, "-P", *run_as], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "\nValueError: unknown FASTLAYERS_ISA 'bad'; known are " in done.stderr


@BOTH
@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        ("ImportError('NumPy is broken:\\n\\n  in many lines')", 1, "error: NumPy is broken: in many lines"),
        ("ModuleNotFoundError(\"No module named 'numpy'\")", 1, "error: No module named 'numpy'"),
        ("KeyboardInterrupt", 130, "interrupted"),
    ],
)
def test_an_import_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], raised: str, status: int, line: str
) -> None:
    (tmp_path / "numpy.py").write_text(f"raise {raised}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = run("info", command=command)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"fastlayers: {line}\n")


@BOTH
def test_a_bug_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not a user\\'s doing')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert run("info", command=command).stderr.startswith("Traceback")


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_without_standard_error() -> None:
    command = '"$0" "$@" 2>&-; echo status $?'
    done = subprocess.run(
        ["sh", "-c", command, *SCRIPT, "info"],
        env=environment(FASTLAYERS_ISA="bad"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "status 2\n"
