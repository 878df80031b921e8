"""The progress bar of Sequential.fit: on a terminal, or where it is asked for; else nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment, on_terminal

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")

PROGRAM = """
import numpy as np, fastlayers as fl
x, t = np.eye(4).repeat(10, axis=0), np.arange(4).repeat(10)
net = fl.Sequential([fl.Affine(np.zeros((4, 4)))], fl.SoftmaxWithLoss())
say = lambda training: training.say(f"epoch {training.epoch}")
net.fit(x, t, 5, 10, validation_data=(x, t), callbacks=[say], progress=%s)
"""
SAID = "".join(f"epoch {i}\n" for i in range(5))


def program(progress: bool | None) -> list[str]:
    return [sys.executable, "-P", "-c", PROGRAM % progress]


def piped(progress: bool | None) -> tuple[str, str]:
    done = subprocess.run(program(progress), capture_output=True, text=True, timeout=60, check=True, env=environment())
    return done.stdout, done.stderr


@pytest.fixture
def without_tqdm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tqdm.py").write_text("raise ModuleNotFoundError('gone')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


@POSIX
@pytest.mark.parametrize("progress", [None, True])
def test_on_a_terminal(progress: bool | None) -> None:
    """All steps of all epochs, with the losses, and no trace of it at the end."""
    pytest.importorskip("tqdm")
    out, seen = on_terminal(*program(progress))
    assert out == SAID
    assert "fit:" in seen
    assert "/20 [" in seen
    assert "loss=" in seen
    assert "validation_loss=" in seen
    assert seen.split("\r")[-1].strip() == ""


@POSIX
def test_none_on_a_terminal() -> None:
    assert on_terminal(*program(False)) == (SAID, "")


@pytest.mark.parametrize("progress", [None, False])
def test_silence_when_piped(progress: bool | None) -> None:
    assert piped(progress) == (SAID, "")


def test_asked_for_when_piped() -> None:
    pytest.importorskip("tqdm")
    out, seen = piped(True)
    assert out == SAID
    assert "fit:" in seen


@POSIX
@pytest.mark.usefixtures("without_tqdm")
def test_nothing_on_a_terminal_without_tqdm() -> None:
    assert on_terminal(*program(None)) == (SAID, "")


@pytest.mark.usefixtures("without_tqdm")
def test_asked_for_without_tqdm() -> None:
    done = subprocess.run(program(True), capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "ImportError: the progress bar needs tqdm, which does not import (gone); "
        "get it with: pip install 'scikit-learn>=1.5' 'matplotlib>=3.8' 'pillow>=10.1' 'tqdm>=4.60'"
    )


@pytest.mark.parametrize("stderr", ["None", "SimpleNamespace(write=len, flush=int)", "open(os.devnull)", "closed"])
def test_whatever_stands_for_standard_error(stderr: str) -> None:
    begin = "import os, sys\nfrom types import SimpleNamespace\nclosed = open(os.devnull)\nclosed.close()\n"
    begin += f"sys.stderr = {stderr}\n"
    command = [sys.executable, "-P", "-c", begin + PROGRAM % None]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment())
    assert (done.stdout, done.stderr) == (SAID, "")
