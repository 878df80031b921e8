"""What the tests of the command share: running it, and images for it to learn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from kit import INTERNAL

import fastlayers

COMMAND = [sys.executable, "-P", "-m", "fastlayers"]
FEW = ["--hidden", "8", "--epochs", "2", "--batch-size", "32"]


def write_images(folder: Path) -> Path:
    """Three classes of 6x6 images that differ in which rows are bright, in the MNIST format."""
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


def environment(**variables: str) -> dict[str, str]:
    """A fixed width for argparse, these variables, and no setting of the machine's own."""
    settings = "FASTLAYERS_", "NO_COLOR", "FORCE_COLOR"
    own = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    places = [*filter(None, [own.get("PYTHONPATH")]), str(Path(fastlayers.__file__).parents[1])]
    return {**own, "COLUMNS": "100", "TERM": "xterm", "PYTHONPATH": os.pathsep.join(places), **variables}


def run(*args: str | Path, command: list[str] = COMMAND) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, args)], capture_output=True, text=True, timeout=60, check=False, env=environment()
    )


def succeed(*args: str | Path, command: list[str] = COMMAND, stderr: str | None = "") -> str:
    """The standard output; what there is on standard error does not matter if it is None."""
    done = run(*args, command=command)
    assert (done.returncode, done.stderr if stderr is not None else stderr) == (0, stderr)
    return done.stdout


def fail(*args: str | Path, status: int = 1, command: list[str] = COMMAND) -> str:
    """The error, once it is seen to be one line with the right status."""
    done = run(*args, command=command)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("fastlayers: error: ")
    assert done.stderr.count("\n") == 1
    assert not INTERNAL.search(done.stderr)
    return done.stderr


@contextmanager
def started(*args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command under way, so that its lines can be read and signals sent to it; it is killed at the end."""
    # Where pytest runs in the background, SIGINT may be inherited as ignored.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from fastlayers.command.cli import main; sys.exit(main())"
    )
    command, pipe = [sys.executable, "-P", "-c", program, *map(str, args)], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], text: str, times: int = 1) -> None:
    """Read the standard output until lines with this text have come so many times."""
    assert process.stdout is not None
    found = 0
    for line in process.stdout:
        found += text in line
        if found == times:
            return
    raise AssertionError(f"ended without {text!r}")


def on_terminal(
    *command: str, stdout: bool = False, status: int = 0, columns: int = 100, **variables: str
) -> tuple[str, str]:
    """Run a process whose standard error is a terminal, standard output too if asked: its output, and what is seen."""
    import pty  # not everywhere
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    env = environment(**variables)
    del env["COLUMNS"]  # of which the terminal knows better
    out = slave if stdout else subprocess.PIPE
    with subprocess.Popen(command, stdout=out, stderr=slave, text=True, env=env) as process:
        os.close(slave)
        seen = _read_terminal(master)
        printed = process.stdout.read() if process.stdout is not None else ""
    assert process.returncode == status, seen
    return printed, seen.replace("\r\n", "\n")


def _read_terminal(master: int) -> str:
    """All that was written to a terminal, until its last writer has closed it."""
    pieces = []
    try:
        while piece := os.read(master, 4096):
            pieces.append(piece)
    except OSError:
        pass  # Linux says EIO where others say end of file
    os.close(master)
    return b"".join(pieces).decode()
