"""The goals that need a process of their own: threads, ranks, instruction sets, and the memory of steps and calls."""

import os
import shutil

import growth
import peers
from alone import Worker, ask
from goals import OURS, Bound, Line, Outcome, Probe

from fastlayers._core import backend
from fastlayers.command import cases

KILOBYTE, MEGABYTE = 1e3, 1e6
# The cores that the process was given, as the report notes before it keeps to one of them.
CORES = "BENCH_CORES"


def cores() -> list[int]:
    """Two of them, where there are two."""
    return [int(core) for core in os.environ.get(CORES, "").split(",") if core][:2]


# 5. A training loop's memory


def allocations(pace: float) -> Outcome:
    found = ask("allocations", steps=100)
    what = "784-50-10 @100, 100 training steps after the first, "
    most, left = f"{found['peak']:,.0f} bytes", f"{found['left']:,.0f} bytes"
    limit = "< 10,000 bytes"
    lines = [
        Line(5, f"{what}peak above the start", most, "", "", "", limit, found["peak"] < 10 * KILOBYTE),
        Line(5, f"{what}growth at the end", left, "", "", "", limit, found["left"] < 10 * KILOBYTE),
    ]
    return Outcome([*lines, no_growth(pace)], {})


def no_growth(pace: float) -> Line:
    """Of Python's objects and arrays none; of the system's pages a few may come and go, where a leak leaves 16 MB."""
    steps = round(1e6 * min(pace, 1))
    found = ask("steps", number=steps)
    figure = f"{found['traced']:,} bytes, {found['system']:,} by the system"
    met = found["traced"] <= 0 and found["system"] < 100 * KILOBYTE
    return Line(5, f"64-32-10 @16, {steps:,} training steps: growth", figure, "", "", "", "0 bytes, < 100,000", met)


# 7. Two threads

SIZES = (10**3, 3 * 10**3, 10**4, 3 * 10**4, 6 * 10**4, 10**5, 3 * 10**5, 10**6, 3 * 10**6, 10**7)
SOME = (128 * 1024, 1024 * 1024)
THREADED = {"relu_forward": SOME, "sigmoid_forward": (*SIZES, *SOME), "loss, labels": (*SIZES, 128 * 1000)}
# What a second thread is to gain; elsewhere it is never slower.
GAINS = {
    "relu_forward of 131,072": 1.5,
    "relu_forward of 1,048,576": 1.8,
    "sigmoid_forward of 131,072": 1.5,
    "sigmoid_forward of 1,048,576": 1.8,
    "softmax_cross_entropy of 128,000": 1.7,
    "softmax_cross_entropy of 1,000,000": 1.7,
}
WIDTHS = (32, 45, 46, 64, 96, 128)
STEPS = {cases.NETWORKS[2]: 1.5, cases.NETWORKS[3]: 1.8}
# "Never slower": below some size one thread does it all whatever is asked for, and two equal calls differ by this.
NOISE = 0.97
TURNS = 8
RANKS = cases.Network((784, 512, 512, 10), 256)


def threads(pace: float) -> Outcome:
    if len(cores()) < 2:
        return Outcome([Line(7, "two threads", "", "", "", "needs two cores")], {})
    return Outcome([*kernel_threads(pace), *training_threads(pace), fork(), ranks(pace)], {})


def kernel_threads(pace: float) -> list[Line]:
    env = {"FASTLAYERS_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    found = ask("threads", env=env, cores=cores(), sizes=THREADED, pace=pace)
    times, said = found["times"], "the same to the bit" if found["same"] else "different"
    return [
        *(
            Bound("one thread", least=gain).line(7, f"two threads, {where}", times[where])
            for where, gain in GAINS.items()
        ),
        Bound("one thread", least=NOISE).least_line(7, "two threads", times),
        Line(7, "results of one and of two threads", said, "", "", "", "the same", found["same"]),
    ]


def training_threads(pace: float) -> list[Line]:
    """Two processes take turns: BLAS settles its threads as it starts, and spins for a while after its work."""
    small = {f"w = {w}": cases.Network((64, w, w, 10), 64) for w in WIDTHS}
    networks = (*STEPS, *small.values())
    best = {network: {OURS: float("inf"), "one thread": float("inf")} for network in networks}
    with Worker(1, cores()) as one, Worker(2, cores()) as two:
        for network, times in best.items():
            for _ in range(TURNS):
                for name, worker in (("one thread", one), (OURS, two)):
                    times[name] = min(times[name], worker.time(network.widths, network.batch, 0.1 * pace))
    what = "two threads, training step"
    return [
        *(
            Bound("one thread", least=gain).line(7, f"{what} {network.label(network.widths)}", best[network])
            for network, gain in STEPS.items()
        ),
        Bound("one thread", least=NOISE).least_line(
            7, f"{what} 64-w-w-10 @64", {name: best[network] for name, network in small.items()}
        ),
    ]


def ranks(pace: float) -> Line:
    """What two ranks do of the samples that one does in the same time; each has a batch of its own."""
    what = f"two ranks, training step {RANKS.label(RANKS.widths)} each, samples a second"
    if not (peers.available("mpi4py") and shutil.which("mpiexec")):
        return Line(7, what, "", "one rank", "", "not measured", "≥ 1.9")
    found = ask("ranks", cores=cores(), widths=RANKS.widths, batch=RANKS.batch, seconds=0.75 * pace)
    return Bound("one rank", least=1.9).line(7, what, {OURS: found["two"] / 2, "one rank": found["one"]})


def fork() -> Line:
    found = ask("fork", cores=cores())
    met = found.startswith("done") if found else None
    return Line(7, "kernels in a forked child after threaded work", found or "no fork here", "", "", "", "done", met)


# 8. Every instruction set

LARGEST = cases.LARGEST / 8  # of those of 64 MB the reference takes a second each, and memory decides all
TANH = ((1000,), (128, 1024), (1024, 1024))
# How NumPy's names begin of what a level has not.
BEYOND = {"baseline": ("",), "x86-64-v3": ("AVX512", "X86_V4")}


def levels(pace: float) -> Outcome:
    lines = []
    for level in backend.supported_levels():
        env = {"FASTLAYERS_ISA": level}
        found = ask("level", env=env, largest=LARGEST * min(pace, 1), pace=pace)
        if found["level"] == level:
            lines.append(Bound("reference", least=1).least_line(8, level, found["times"]))
            found = ask("tanh", env={**env, "NPY_DISABLE_CPU_FEATURES": beyond(level)}, sizes=TANH, pace=pace)
            lines.append(Bound("np.tanh", least=1).least_line(8, f"tanh_forward, both held to {level}", found["times"]))
        else:
            lines.append(Line(8, level, "", "", "", "not built"))
    return Outcome(lines, {})


def beyond(level: str) -> str:
    """What NumPy would use of this processor that the level has not."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    begins = BEYOND.get(level, ())
    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name] and name.startswith(begins))


# 9. The memory of one call


def peak(pace: float) -> Outcome:
    lines = []
    for name in growth.KERNELS:
        found = ask("memory", name=name, n=10**7)
        by_system = "" if found["system"] is None else f", {found['system'] / KILOBYTE:.0f} kB by the system"
        figure = f"{found['traced'] / KILOBYTE:.1f} kB{by_system}"
        most = max(found["traced"], found["system"] or 0)
        what = f"{growth.TITLES[name]}, 1e7 elements: peak beyond inputs and results"
        lines.append(Line(9, what, figure, "", "", "", "< 1 MB", most < MEGABYTE))
    return Outcome(lines, {})


MACHINE = (
    Probe(5, "allocations", allocations),
    Probe(7, "threads", threads),
    Probe(8, "levels", levels),
    growth.PRODUCT_SCAN,
    growth.GROWTH,
    Probe(9, "peak", peak),
)
