"""Standard output that cannot be written: each command says so in one line, and nothing is added at its exit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from commands import COMMAND, FEW, environment, write_images

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")

COMMANDS = [
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["info"],
    ["info", "--json"],
    ["train", "--idx", ".", *FEW],
    ["train", "--idx", ".", *FEW, "--json"],
    ["completion", "bash"],
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


# Python's own buffer decides whether a write fails or the last flush.
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_a_full_disk(images: Path, args: list[str], unbuffered: str) -> None:
    if args[0] == "completion":
        pytest.importorskip("shtab")
    with FULL.open("w") as out:
        done = subprocess.run(
            [*COMMAND, *args], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False, cwd=images,
            env=environment(PYTHONUNBUFFERED=unbuffered),
        )  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.splitlines(keepends=True)
    assert "--json" in args or len(lines) == 1  # else what is for people is there too
    assert re.fullmatch(r"fastlayers: error: .*No space left on device.*\n", lines[-1])
    assert done.stderr.count("No space left") == 1
