"""Flags that would make the kernels wrong, in any variable that a build reads, come to nothing or are refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77", reason="it is built as setup.py builds the kernels")
pytest.importorskip("Cython", reason="it is built as setup.py builds the kernels")


@pytest.mark.skipif(sys.platform == "win32", reason="MSVC has one such flag, and ours comes after it")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_flag_makes_a_module_wrong(compiler):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not there")
    ran = subprocess.run([sys.executable, "-P", Path(__file__).with_name("flags.py"), compiler], capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    outcomes = dict(line.split(": ", 1) for line in ran.stdout.decode().splitlines())
    for flags, outcome in outcomes.items():
        assert outcome == "right" or outcome.startswith("refused: "), (flags, outcome)
        if flags.startswith("FASTLAYERS_CFLAGS") and outcome != "right":
            assert "floating_point.h" in outcome
            assert "the kernels would give wrong numbers" in outcome
        elif outcome != "right":  # a compiler that does not know what it is given
            assert flags.partition("=")[2] in outcome
    assert outcomes["CFLAGS=-ffast-math"] == outcomes["LDFLAGS=-Ofast"] == outcomes["CC=-ffast-math"] == "right"
    assert outcomes["FASTLAYERS_CFLAGS=-ffast-math"] != "right"
