"""Processes: fork after and during threaded work, every start method, joblib; each in a program that may hang."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import kit
import pytest

PROGRAMS = Path(__file__).with_name("processes.py")
pytestmark = pytest.mark.thread_unsafe(reason="each runs a program of many processes")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def run(name, **environment):
    """Run a program, in a session of its own so that a hang of its children is ended with it."""
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", str(PROGRAMS), name],
        env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"it hangs; so far it said: {process.communicate()[0]}")
    assert process.returncode == 0, output
    assert output.splitlines()[-1] == "right"


@needs_fork
@pytest.mark.parametrize("level", kit.LEVELS or ["baseline"])
@pytest.mark.parametrize(
    "name", ["fork after threaded work", "fork while workers look out", "fork in the middle of a call"]
)
def test_kernels_work_in_a_forked_child(name, level):
    run(name, FASTLAYERS_ISA=level)


def test_an_idle_process_uses_no_processor():
    run("idle after threaded work")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_start_methods(method):
    run(method)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(backend):
    run(backend)
