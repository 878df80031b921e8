"""Ctrl-C while ``fastlayers train`` runs: status 130, one line, and the network that was saved last can be used."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import FEW, started, succeed, wait_for, write_images
from model_files import same, tiny

import fastlayers as fl
from fastlayers.command import saver as saving
from fastlayers.command.training import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
ENDLESS = [*FEW, "--epochs", "1000000", "--backend", "reference"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def interrupted(process: subprocess.Popen[str]) -> str:
    """Send SIGINT, and give the one line that the process has to say to it."""
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    assert error.startswith("fastlayers: interrupted")
    assert error.count("\n") == 1
    return error


def test_before_the_first_epoch(images: Path, tmp_path: Path) -> None:
    """A step of it takes its time; what an earlier training saved is there still."""
    model = tmp_path / "m.npz"
    tiny().save(model)
    slow = ["--hidden", "3000", "3000", "--batch-size", "1", "--dtype", "float64"]
    with started("train", "--idx", images, *ENDLESS, *slow, "--save", model) as process:
        wait_for(process, "reference, at most")
        assert interrupted(process) == "fastlayers: interrupted\n"
    assert same(fl.Sequential.load(model), tiny())
    assert list(tmp_path.iterdir()) == [model]


@pytest.mark.parametrize("epochs", [1, 40, 900])
def test_after_some_epochs(images: Path, tmp_path: Path, epochs: int) -> None:
    model = tmp_path / "m.npz"
    with started("train", "--idx", images, *ENDLESS, "--save", model) as process:
        wait_for(process, " epoch ", epochs)
        error = interrupted(process)
    found = re.search(rf"; {re.escape(str(model))} has the network after (\d+) epoch\(s\)$", error)
    assert found is not None
    assert int(found[1]) >= 1
    assert "accuracy" in succeed("predict", model, "--idx", images)
    assert list(tmp_path.iterdir()) == [model]


def test_without_a_file_to_save(images: Path) -> None:
    with started("train", "--idx", images, *ENDLESS) as process:
        wait_for(process, " epoch ", 3)
        assert interrupted(process) == "fastlayers: interrupted\n"


def test_again_and_again(images: Path, tmp_path: Path) -> None:
    """Once it has said its line, the process does not hear of it any more."""
    with started("train", "--idx", images, *ENDLESS, "--save", tmp_path / "m.npz") as process:
        wait_for(process, " epoch ")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("fastlayers: interrupted; ")
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
        assert process.returncode == 130
    fl.Sequential.load(tmp_path / "m.npz")


# What is saved, and when


@pytest.fixture
def saver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> saving.Saver:
    monkeypatch.setattr(saving, "_BETWEEN_SAVES", 0.0)
    return saving.Saver(tmp_path / "m.npz")


def after(epochs: int, seed: int) -> Run:
    return Run("reference", tiny(seed=seed), train_loss=[0.5] * epochs)


def test_the_file_never_goes_back_to_a_network_that_learned_for_less(saver: saving.Saver, tmp_path: Path) -> None:
    """As the second backend's would be, of the two that a training repeats."""
    for epochs, seed, saved in [(1, 1, 1), (2, 2, 2), (1, 3, 2), (2, 4, 2), (3, 5, 5)]:
        saver(after(epochs, seed))
        assert same(fl.Sequential.load(tmp_path / "m.npz"), tiny(seed=saved))


def test_not_every_epoch_waits_for_the_disk(
    saver: saving.Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "_BETWEEN_SAVES", 1e6)
    for epochs in range(1, 9):
        saver(after(epochs, seed=epochs))
    assert same(fl.Sequential.load(tmp_path / "m.npz"), tiny(seed=1))
