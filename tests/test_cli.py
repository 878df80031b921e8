"""The command, run as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fastlayers
from fastlayers import _model_file

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")
COMMAND = [sys.executable, "-P", "-m", "fastlayers"]
FEW = ["--hidden", "8", "--epochs", "2", "--batch-size", "32"]
WITHOUT_KERNELS = (
    "import sys; "
    "sys.modules.update({f'fastlayers.kernels.{m}': None for m in "
    "('_cpu', '_generic', '_x86_64', '_x86_64_v3', '_x86_64_v4')}); "
    "from fastlayers.cli import main; sys.exit(main())"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 6x6 images that differ in which rows are bright, in the MNIST format."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(3)
    for part, n in (("train", 120), ("t10k", 60)):
        labels = rng.integers(0, 3, n).astype(np.uint8)
        pixels = rng.integers(0, 100, (n, 6, 6))
        for c in range(3):
            pixels[labels == c, 2 * c : 2 * c + 2] += 100
        for name, array in (("images-idx3", pixels.astype(np.uint8)), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    return folder


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed width for argparse, and no setting of the machine's own."""
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FASTLAYERS_BACKEND", "FASTLAYERS_ISA", "FASTLAYERS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    root = str(Path(fastlayers.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]))


pytestmark = pytest.mark.usefixtures("environment")


def run(*args: str | Path, command: list[str] = COMMAND) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *map(str, args)], capture_output=True, text=True, timeout=60, check=False)


def succeed(*args: str | Path, command: list[str] = COMMAND) -> str:
    done = run(*args, command=command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fail(*args: str | Path, status: int = 1, command: list[str] = COMMAND) -> str:
    """The error, once it is seen to be one line with the right status."""
    done = run(*args, command=command)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("fastlayers: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def has_kernels() -> bool:
    try:
        with fastlayers.use_backend("cython"):
            return True
    except ImportError:
        return False


# Help and wrong use


def test_help() -> None:
    assert "train a network" in succeed("--help")
    for command in ("train", "predict", "bench", "info"):
        assert command in succeed("--help")
        assert succeed(command, "--help").startswith(f"usage: fastlayers {command}")
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
        (["train", "--optimizer", "sgdd"], "invalid choice: 'sgdd'"),
        (["train", "--plot", "curves.jpg"], "--plot: 'curves.jpg' does not end in .png"),
        (["train", "--epoch", "3"], "unrecognized arguments"),
        (["predict"], "MODEL.npz"),
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


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_every_choice_learns(images: Path, activation: str, optimizer: str) -> None:
    args = ["--activation", activation, "--optimizer", optimizer, "--epochs", "60", "--backend", "reference"]
    out = succeed("train", "--idx", images, *FEW, *args)
    row = re.search(r"^reference +([\d.]+)% +([\d.]+)%", out, re.MULTILINE)
    assert row is not None
    assert float(row[2]) > 85


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
        _model_file.save(tmp_path / "m.npz", fastlayers.Sequential(layers, fastlayers.SoftmaxWithLoss()))
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


@pytest.mark.parametrize(("package", "args"), [("sklearn", []), ("matplotlib", ["--plot", "c.png"])])
def test_missing_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, args: list[str]) -> None:
    (tmp_path / f"{package}.py").write_text("raise ModuleNotFoundError('gone')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    assert "pip install 'fastlayers[demo]'" in fail("train", *args)


# Terminals, pipes and signals


@POSIX
def test_progress_bar_on_a_terminal_alone(images: Path) -> None:
    pytest.importorskip("tqdm")
    import pty
    import termios

    args = ["train", "--idx", str(images), *FEW, "--backend", "reference"]
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    with subprocess.Popen([*COMMAND, *args], stdout=subprocess.PIPE, stderr=slave, text=True) as process:
        os.close(slave)
        seen = read_terminal(master)
        assert process.stdout is not None
        out = process.stdout.read()
    assert process.returncode == 0
    assert "reference:" in seen
    assert re.search(r"/8 \[", seen)
    assert "epoch 2/2" in out
    assert succeed(*args) != ""


def read_terminal(master: int) -> str:
    """All that was written to a terminal, until its last writer has closed it."""
    pieces = []
    try:
        while piece := os.read(master, 4096):
            pieces.append(piece)
    except OSError:
        pass  # Linux says EIO where others say end of file
    os.close(master)
    return b"".join(pieces).decode()


def start(images: Path) -> subprocess.Popen[str]:
    """A training that does not end by itself, and has written its first epoch's line."""
    # Where pytest runs in the background, SIGINT may be inherited as ignored.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from fastlayers.cli import main; sys.exit(main())"
    )
    args = ["train", "--idx", str(images), *FEW, "--backend", "reference", "--epochs", "1000000"]
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-P", "-c", program, *args], stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    # Not before: the first use of numpy.random imports it, and its modules' init code may swallow an interrupt.
    assert any(" epoch " in line for line in process.stdout)
    return process


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def close_pipe(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.close()


@POSIX
@pytest.mark.parametrize(
    ("end", "status", "message"), [(interrupt, 130, "fastlayers: interrupted\n"), (close_pipe, 141, "")]
)
def test_ended_from_outside(
    images: Path, end: Callable[[subprocess.Popen[str]], None], status: int, message: str
) -> None:
    with start(images) as process:
        try:
            end(process)
            assert process.stderr is not None
            # One line at most is written here, so that it cannot block on a pipe that is not read yet.
            error = process.communicate(timeout=30)[1] if end is interrupt else process.stderr.read()
            process.wait(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, error) == (status, message)


@POSIX
def test_a_full_disk(images: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w") as out:
        args = [*COMMAND, "train", "--idx", str(images), *FEW]
        done = subprocess.run(args, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"fastlayers: error: .*No space left on device.*\n", done.stderr)


def test_bench_is_there() -> None:
    assert "--seconds" in succeed("bench", "--help")
