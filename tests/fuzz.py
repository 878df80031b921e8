"""Arbitrary arguments for every public function and method, until time is up: ``python tests/fuzz.py --seconds 600``.

A worker process makes the calls, each from a seed of its own. What it must not do: crash, hang, raise an error that the
contract does not know, write anywhere but into its outputs, read or write beyond its arrays (`guarded`). A driver
watches it, says what it found and with which seed, ``--replay`` makes that one call again, and starts another worker.
"""

import argparse
import contextlib
import faulthandler
import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import families
import fuzz_plants
import kit
import numpy as np
from fuzz_cases import CASES, Caller, call_large, public_names
from strategies import chance

import fastlayers as fl
from fastlayers._core import backend

HANGS_AFTER = 60  # seconds that one call may take
LONGEST = 20_000  # characters of a worker's last words: from 3.14 on a fault has the stack of C too
NOT_BEGUN = b"\xff" * 8  # instead of the seed of the call that is being made


def make_call(caller, seed, kernels):
    """The call, or the few calls, of this seed: of one case, on one implementation, at one end of guarded memory."""
    r = random.Random(seed)
    implementation, threads = r.choice(kit.IMPLEMENTATIONS), r.choice((1, 1, 3))
    fl.set_num_threads(threads)
    backend.kernels = kernels[implementation]
    if implementation != "reference":
        backend.kernels.set_num_threads(threads)
    caller.arena.clear(at_end=chance(r, 60))
    if chance(r, 1):
        call_large(caller, r, r.choice(families.FUNCTIONS), fl)
    else:
        case, name, owner = r.choice(CASES)
        case(caller, r, name, owner)


def work(seed, seconds, progress, plant=None):
    """Make calls from this seed on, and leave in `progress` which one is being made; then print what was called."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with open(progress, "r+b") as file:  # noqa: PTH123
        current = mmap.mmap(file.fileno(), 8)
    kernels = {name: fuzz_plants.plant(plant, kit.kernels_of(name)) for name in kit.IMPLEMENTATIONS}
    caller, end = Caller(), time.monotonic() + seconds
    first = seed
    while time.monotonic() < end:
        current[:] = seed.to_bytes(8, "little")
        make_call(caller, seed, kernels)
        seed += 1
    print(json.dumps({"calls": seed - first, "counts": caller.counts}))


# The driver


@dataclass
class Report:
    """What a run has come to."""

    calls: int = 0
    counts: Counter = field(default_factory=Counter)
    findings: list = field(default_factory=list)  # of (what, seed, the worker's last words)


def fuzz(seconds, seed, *, plant=None, most_findings=20, hangs_after=HANGS_AFTER):
    """Have workers make calls for so long, one worker after another; each finding ends one."""
    report, end = Report(), time.monotonic() + seconds
    while time.monotonic() < end and len(report.findings) < most_findings:
        found, last = run_worker(report, seed, end - time.monotonic(), plant, hangs_after)
        if found is None:
            break
        report.findings.append((found[0], last, found[1]))
        report.calls += last - seed
        seed = last + 1
    return report


def run_worker(report, seed, seconds, plant, hangs_after):
    """Its finding, or None; and the seed that it came to."""
    with tempfile.NamedTemporaryFile() as progress, tempfile.TemporaryFile("w+") as errors:
        progress.write(NOT_BEGUN)
        progress.flush()
        command = [sys.executable, __file__, "--worker", progress.name, f"--seed={seed}", f"--seconds={seconds}"]
        command += [f"--plant={plant}"] if plant else []
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        is_hanging = watch(worker, Path(progress.name), hangs_after)
        output = worker.communicate()[0]
        errors.seek(0)
        words, current = errors.read()[-LONGEST:], Path(progress.name).read_bytes()
    last = seed if current == NOT_BEGUN else int.from_bytes(current, "little")
    if worker.returncode == 0:
        result = json.loads(output)
        report.calls += result["calls"]
        report.counts.update(result["counts"])
        return None, last
    what = "hang" if is_hanging else f"signal {-worker.returncode}" if worker.returncode < 0 else "fault"
    return (what, words), last


def watch(worker, progress, hangs_after):
    """Wait for its end; one that makes the same call for too long is stopped, and its traceback is among its words."""
    seen, since = None, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(timeout=0.5)
            return False
        current = progress.read_bytes()
        if current != seen:
            seen, since = current, time.monotonic()
        elif time.monotonic() - since > (HANGS_AFTER if current == NOT_BEGUN else hangs_after):
            worker.send_signal(signal.SIGABRT)
            return True


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="where to begin; at random by default")
    parser.add_argument("--replay", type=int, help="make the one call of this seed")
    parser.add_argument("--plant", choices=sorted(fuzz_plants.PLANTS), help="a fault to be found")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    seed = random.SystemRandom().randrange(1 << 48) if options.seed is None else options.seed
    if options.worker:
        work(seed, options.seconds, options.worker, options.plant)
        return 0
    if options.replay is not None:
        faulthandler.enable()
        kernels = {name: fuzz_plants.plant(options.plant, kit.kernels_of(name)) for name in kit.IMPLEMENTATIONS}
        make_call(Caller(), options.replay, kernels)
        return 0
    report = fuzz(options.seconds, seed, plant=options.plant)
    for what, at, words in report.findings:
        print(f"\n{what}: python {os.path.relpath(__file__)} --replay {at}\n{words}")
    print(f"{report.calls} seeds from {seed} on, {report.counts.total()} calls: {len(report.findings)} findings")
    never = sorted(set(public_names()) - set(report.counts))
    if never:
        print("never called:", ", ".join(never))
    return 1 if report.findings or never else 0


if __name__ == "__main__":
    sys.exit(main())
