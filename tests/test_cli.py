"""The command, run as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import COMMAND, FEW, fail, on_terminal, run, started, succeed, wait_for, write_images

import fastlayers
from fastlayers.command import cli

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")
WITHOUT_KERNELS = (
    "import sys; "
    "sys.modules.update({f'fastlayers.kernels.{m}': None for m in "
    "('_cpu', '_generic', '_x86_64', '_x86_64_v3', '_x86_64_v4')}); "
    "from fastlayers.command.cli import main; sys.exit(main())"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def has_kernels() -> bool:
    try:
        with fastlayers.use_backend("cython"):
            return True
    except ImportError:
        return False


# Help and wrong use


def test_help() -> None:
    told = succeed("--help")
    assert "train a network" in told
    for command in ("train", "predict", "export", "bench", "info", "completion"):
        assert command in told
        assert f"\nusage: fastlayers {command} [-h]" in succeed(command, "--help")
    assert "fastlayers train --hidden 256 128" in succeed("train", "--help")


def test_version() -> None:
    assert succeed("--version") == f"fastlayers {fastlayers.__version__}\n"


def test_info() -> None:
    assert re.search(r"^backend +(cython|reference)$", succeed("info"), re.MULTILINE)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--epochs", "0"], "--epochs: '0' is not a whole number from 1"),
        (["train", "--hidden", "8", "x"], "--hidden: 'x' is not a whole number from 1"),
        (["train", "--seed", "-1"], "--seed: '-1' is not a whole number from 0"),
        (["train", "--lr", "nan"], "--lr: 'nan' is not a number above 0"),
        (["train", "--lr", "-1"], "--lr: '-1' is not a number above 0"),
        (["train", "--dropout", "1"], "--dropout: '1' is not a number from 0 to below 1"),
        (["train", "--weight-decay", "-0.1"], "--weight-decay: '-0.1' is not a number from 0"),
        (["info", "--color", "pink"], "--color: invalid choice: 'pink'"),
        (["completion", "ksh"], "invalid choice: 'ksh'"),
        (["train", "--optimizer", "sgdd"], "invalid choice: 'sgdd'"),
        (["train", "--plot", "curves.jpg"], "--plot: 'curves.jpg' does not end in .png"),
        (["train", "--epoch", "3"], "unrecognized arguments"),
        (["predict"], "MODEL.npz"),
        (["export", "m.npz", "m.h"], "'m.h' does not end in .c, .onnx or .safetensors"),
    ],
)
def test_wrong_use(args: list[str], message: str) -> None:
    error = fail(*args, status=2)
    assert message in error
    assert "--help" in error


# Training


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_train_on_both(images: Path, dtype: str) -> None:
    if not has_kernels():
        pytest.skip("the compiled kernels are not there")
    out = succeed("train", "--idx", images, *FEW, "--dtype", dtype, "--epochs", "25", "--threads", "1")
    assert re.search(r"^network +36-8-3, relu, " + dtype, out, re.MULTILINE)
    assert out.count("epoch 25/25") == 2
    accuracies = re.findall(r"^(reference|cython) +([\d.]+)% +([\d.]+)% +[\d.]+ .s +[\d.]+ .s$", out, re.MULTILINE)
    assert [row[0] for row in accuracies] == ["reference", "cython"]
    assert all(float(test) > 90 for _, _, test in accuracies)
    assert re.search(r"[\d.]+ times as fast$", out, re.MULTILINE)
    difference = re.search(r"largest difference of their losses: (\S+) in all 100 steps$", out, re.MULTILINE)
    assert difference is not None
    assert float(difference[1]) < {"float32": 1e-4, "float64": 1e-9}[dtype]


def test_the_same_seed_gives_the_same_epochs(images: Path) -> None:
    def epochs(seed: str) -> list[str]:
        out = succeed("train", "--idx", images, *FEW, "--backend", "reference", "--threads", "1", "--seed", seed)
        return [line for line in out.splitlines() if " epoch " in line]

    assert epochs("4") == epochs("4")
    assert epochs("4") != epochs("5")


@pytest.mark.parametrize(("hidden", "sizes"), [(["20", "10"], "36-20-10-3"), ([], "36-3")])
def test_hidden_sizes(images: Path, hidden: list[str], sizes: str) -> None:
    out = succeed("train", "--idx", images, "--epochs", "1", "--backend", "reference", "--hidden", *hidden)
    assert f"network   {sizes}, " in out


def test_a_batch_larger_than_the_data(images: Path) -> None:
    assert "epoch 2/2" in succeed("train", "--idx", images, *FEW, "--batch-size", "5000", "--backend", "reference")


def test_without_kernels(images: Path) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_KERNELS]
    out = succeed("train", "--idx", images, *FEW, command=command)
    assert out.startswith("note: the reference trains alone, since the compiled kernels are not there")
    assert "pip install" in out.splitlines()[0]
    assert "times as fast" not in out
    error = fail("train", "--idx", images, *FEW, "--backend", "cython", command=command)
    assert "the compiled kernels are not there" in error
    assert "pip install" in error


def test_divergence(images: Path) -> None:
    args = ["train", "--idx", images, *FEW, "--backend", "reference", "--hidden", "8", "8", "--epochs", "20"]
    assert re.search(r"training diverged: the loss is (nan|inf) at step \d+; try", fail(*args, "--lr", "1e30"))


def test_digits_reach_96_percent() -> None:
    pytest.importorskip("sklearn")
    out = succeed("train")
    rows = re.findall(r"^(?:reference|cython) +[\d.]+% +([\d.]+)% .*s$", out, re.MULTILINE)
    assert rows
    assert all(float(accuracy) >= 96 for accuracy in rows)


# Files


def test_save_and_predict(images: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    out = succeed("train", "--idx", images, *FEW, "--epochs", "25", "--save", model)
    assert f"saved in {model}" in out
    accuracy = re.findall(r"^(?:reference|cython) +[\d.]+% +([\d.]+%)", out, re.MULTILINE)[-1]
    lines = succeed("predict", model, "--idx", images).splitlines()
    assert lines[0] == f"accuracy {accuracy} on 60 test images of {images}"
    table = lines[lines.index("rows: the true class; columns: the class predicted") + 2 :]
    assert table[0].split() == ["true", "|", "0", "1", "2", "|", "right"]
    assert len({len(line) for line in table}) == 1
    counts = [[int(n) for n in line.split("|")[1].split()] for line in table[2:]]
    assert sum(map(sum, counts)) == 60
    assert f"{sum(counts[i][i] for i in range(3)) / 60:.2%}" == accuracy


def test_predict_what_does_not_fit(images: Path, tmp_path: Path) -> None:
    def model(features: int, classes: int) -> Path:
        layers = [fastlayers.Affine(np.ones((features, classes)), np.zeros(classes))]
        fastlayers.Sequential(layers, fastlayers.SoftmaxWithLoss()).save(tmp_path / "m.npz")
        return tmp_path / "m.npz"

    assert "takes images of 5 pixels, but those of" in fail("predict", model(5, 3), "--idx", images)
    assert "the classes 0 to 1, but" in fail("predict", model(36, 2), "--idx", images)
    assert "accuracy" in succeed("predict", model(36, 9), "--idx", images)
    path = model(36, 3)
    path.write_bytes(path.read_bytes()[:-30])
    assert "cut off" in fail("predict", path, "--idx", images)
    path.write_text("text")
    assert "not a fastlayers-model file" in fail("predict", path, "--idx", images)
    assert "missing.npz: No such file" in fail("predict", tmp_path / "missing.npz", "--idx", images)


def test_bad_data(images: Path, tmp_path: Path) -> None:
    assert "neither train-images-idx3-ubyte nor" in fail("train", "--idx", tmp_path)
    assert "is not a folder" in fail("train", "--idx", tmp_path / "missing")


@pytest.mark.parametrize("option", ["--plot", "--save"])
def test_files_are_checked_before_the_training(images: Path, tmp_path: Path, option: str) -> None:
    if option == "--plot":
        pytest.importorskip("matplotlib")
    done = run("train", "--idx", images, *FEW, option, tmp_path / "missing" / "file.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fastlayers: error: ")
    assert done.stderr.endswith("file.png: No such file or directory\n")


def test_plot(images: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.png"
    succeed("train", "--idx", images, *FEW, "--plot", path)
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data[-8:-4] == b"IEND"
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert width > height > 300
    assert list(tmp_path.iterdir()) == [path]
    assert "the same file" in fail("train", "--idx", images, *FEW, "--plot", path, "--save", path)


CALLS = {
    "train": ["--idx", "{images}", *FEW, "--backend", "reference"],
    "predict": ["model.npz", "--idx", "{images}"],
    "export": ["model.npz", "model.c"],
    "bench": ["--help"],  # a table takes seconds
    "info": [],
    "completion": ["bash"],
}


@pytest.mark.parametrize("name", cli._COMMANDS)
def test_an_unknown_backend_of_matplotlib_fails_what_plots_alone(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    fastlayers.Sequential([fastlayers.Affine(*fastlayers.initializers.affine(36, 3))]).save("model.npz")
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    call = [name, *(word.format(images=images) for word in CALLS[name])]
    succeed(*call, stderr=None)
    if "--plot" in succeed(name, "--help"):
        error = fail(*call, "--plot", "curves.png", "--save", "other.npz")
        assert error.startswith("fastlayers: error: unknown MPLBACKEND 'nonsense': matplotlib says: ")
        assert not list(tmp_path.glob("curves.png")) + list(tmp_path.glob("other.npz"))


@pytest.mark.parametrize(("package", "args"), [("sklearn", []), ("matplotlib", ["--plot", "c.png"])])
def test_missing_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, args: list[str]) -> None:
    (tmp_path / f"{package}.py").write_text("raise ModuleNotFoundError('gone')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    installs = r"; get it with: pip install 'scikit-learn>=\S+' 'matplotlib>=\S+' 'pillow>=\S+' 'tqdm>=\S+'\n"
    assert re.search(installs, fail("train", *args))


# Terminals, pipes and signals


@POSIX
def test_progress_bar_on_a_terminal_alone(images: Path) -> None:
    pytest.importorskip("tqdm")
    args = ["train", "--idx", str(images), *FEW, "--backend", "reference"]
    out, seen = on_terminal(*COMMAND, *args)
    assert "reference:" in seen
    assert re.search(r"/8 \[", seen)
    assert "epoch 2/2" in out
    assert succeed(*args) != ""


@POSIX
def test_a_reader_that_goes_away(images: Path) -> None:
    with started("train", "--idx", images, *FEW, "--backend", "reference", "--epochs", "1000000") as process:
        wait_for(process, " epoch ")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 141


def test_bench_is_there() -> None:
    assert "--seconds" in succeed("bench", "--help")
