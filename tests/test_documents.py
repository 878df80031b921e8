"""What ``--json`` prints: one valid document on standard output, with the keys that ``--help`` tells, and no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import COMMAND, FEW, environment, on_terminal, run, started, succeed, wait_for, write_images

import fastlayers as fl
from fastlayers.command import documents

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")
REFERENCE = ["--backend", "reference"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def strict(text: str) -> Any:
    """Parse JSON as its standard has it: Python alone takes NaN and Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def document(*args: str | Path) -> tuple[dict[str, Any], str]:
    """The document, and what is told on standard error meanwhile."""
    done = run(*args, "--json")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return strict(done.stdout), done.stderr


def keys(value: Any) -> set[str]:
    """All keys in a document, but those of dictionaries whose keys are data."""
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for name, item in value.items() if name not in ("not loaded", "config")))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def told(command: str) -> set[str]:
    """The words of the section of its --help that tells the keys."""
    section = re.search(r"^json:\n((?:  .*\n)+)", succeed(command, "--help"), re.MULTILINE)
    assert section is not None
    return set(re.split(r"[^\w=]+", section[1]))


def assert_told(command: str, found: set[str]) -> None:
    assert {word for key in found for word in key.split()} <= told(command)


# The four commands


def test_train(images: Path) -> None:
    trained, text = document("train", "--idx", images, *FEW, "--epochs", "3", *REFERENCE, "--seed", "4")
    assert trained["data"] == {
        "name": images.name, "features": 36, "classes": 3, "train_images": 120, "test_images": 60
    }  # fmt: skip
    assert trained["network"] == {
        "kind": "affine",
        "sizes": [36, 8, 3], "activation": "relu", "dropout": 0.0, "dtype": "float32", "parameters": 36 * 8 + 8 + 27
    }  # fmt: skip
    assert trained["training"].items() >= {
        "epochs": 3, "batch_size": 32, "optimizer": "sgd", "lr": 0.5, "weight_decay": 0.0, "seed": 4, "processes": 1
    }.items()  # fmt: skip
    assert trained["training"]["threads"] >= 1
    (only,) = trained["runs"]
    assert (only["backend"], only["steps"], trained["comparison"]) == ("reference", 12, None)
    assert 0 < only["median_step"] < 1
    assert 0 < only["mean_step"] < 1
    # The lines for people are on standard error, with the same numbers.
    seen = re.findall(r"epoch \d/3 +train loss ([\d.]+) +test accuracy +([\d.]+)%", text)
    assert seen == [
        (f"{loss:.4f}", f"{accuracy:.2%}"[:-1])
        for loss, accuracy in zip(only["train_loss"], only["test_accuracy"], strict=True)
    ]
    assert len(only["train_accuracy"]) == 3
    assert_told("train", keys(trained))


def test_train_on_both(images: Path) -> None:
    if fl.get_backend() != "cython":
        pytest.skip("the compiled kernels are not there")
    trained, _ = document("train", "--idx", images, *FEW)
    first, second = trained["runs"]
    assert (first["backend"], second["backend"]) == ("reference", "cython")
    assert trained["comparison"]["ratio"] == first["median_step"] / second["median_step"]
    assert 0 <= trained["comparison"]["largest_difference"] < 1e-4
    assert_told("train", keys(trained))


def test_predict(images: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    layers = [fl.Affine(np.eye(36, 3), np.zeros(3))]
    fl.Sequential(layers, fl.SoftmaxWithLoss()).save(model)
    tested, text = document("predict", model, "--idx", images)
    assert (tested["model"], tested["data"], tested["images"]) == (str(model), str(images), 60)
    assert np.sum(tested["confusion"]) == 60
    assert tested["accuracy"] == np.trace(tested["confusion"]) / 60
    assert f"accuracy {tested['accuracy']:.2%} on 60 test images" in text
    assert_told("predict", keys(tested))


def test_info() -> None:
    shown, text = document("info")
    assert shown["fastlayers"] == fl.__version__
    assert shown["numpy"] == np.__version__
    assert re.search(rf"^backend +{shown['backend']}$", text, re.MULTILINE)
    assert_told("info", keys(shown))


def test_bench() -> None:
    timed, text = document("bench", "--seconds", "0.5")
    assert timed["config"].keys() == document("info")[0].keys()
    assert all(row["reference"] > 0 for row in timed["seconds"])
    _, table = re.split(r"^kernel .*\n", text, flags=re.MULTILINE)  # of the same rows, below its heads
    assert len(table.splitlines()) == len(timed["seconds"])
    assert_told("bench", keys(timed))


# Numbers that JSON has no name for


def test_null_for_what_is_not_finite() -> None:
    odd = {"a": [1.5, float("nan")], "b": {"c": float("inf"), "d": -float("inf")}, "e": (1, "x", None, True)}
    assert strict(documents.dumps(odd)) == {
        "a": [1.5, None], "b": {"c": None, "d": None}, "e": [1, "x", None, True]
    }  # fmt: skip


# Errors and signals: nothing on standard output, and the statuses as ever


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["predict", "missing.npz"], 1),
        (["predict"], 2),
        (["train", "--epochs", "0"], 2),
        (["train", "--idx", "no", *REFERENCE], 1),
    ],
)
def test_errors(args: list[str], status: int) -> None:
    done = run(*args, "--json")
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("fastlayers: error: ")
    assert done.stderr.count("\n") == 1


def test_divergence(images: Path) -> None:
    args = ["--lr", "1e30", "--hidden", "8", "8", "--epochs", "20"]
    done = run("train", "--idx", images, *FEW, *REFERENCE, *args, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("fastlayers: error: training diverged: the loss is ")


@POSIX
def test_interrupt(images: Path) -> None:
    import signal

    with started("train", "--idx", images, *FEW, *REFERENCE, "--epochs", "1000000", "--json") as process:
        process.stdout, process.stderr = process.stderr, process.stdout
        wait_for(process, " epoch ")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 130
        assert process.stdout is not None
        assert process.stdout.read().endswith("fastlayers: interrupted\n")


@POSIX
def test_a_full_disk(images: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w") as out:
        args = [*COMMAND, "train", "--idx", str(images), *FEW, "--json"]
        done = subprocess.run(args, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, env=environment())
    assert done.returncode == 1
    assert re.fullmatch(r"fastlayers: error: .*No space left on device.*", done.stderr.splitlines()[-1])


@POSIX
def test_the_bar_and_the_lines_on_a_terminal(images: Path) -> None:
    """Standard error may be a terminal, with its colours, while a program reads standard output."""
    out, seen = on_terminal(*COMMAND, "train", "--idx", str(images), *FEW, *REFERENCE, "--json")
    assert strict(out)["runs"][0]["steps"] == 8
    assert "\x1b[1mreference\x1b[0m, at most" in seen
