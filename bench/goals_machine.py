"""The goals that need a process of their own: threads, instruction sets, and the memory of steps and calls."""

import os

import growth
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
    return Outcome(lines, {})


# 7. Two threads

# What two threads gain at least, of a kernel's elements and of a training step's widths at a batch.
KERNELS = {
    "sigmoid_forward": {131_072: 1.5, 10**6: 1.7, 1_048_576: 1.8},
    "relu_forward": {131_072: 1.5, 1_048_576: 1.8},
    "loss, labels": {128_000: 1.7, 10**6: 1.7},
}
STEPS = {((784, 256, 128, 10), 32): 1.5, ((784, 512, 512, 10), 128): 1.8}
WIDTHS = (32, 45, 46, 64, 96, 128)
SIZES = (10**3, 3 * 10**3, 10**4, 3 * 10**4, 6 * 10**4, 10**5, 3 * 10**5, 10**6, 3 * 10**6, 10**7)
# "Never slower": below some size one thread does it all whatever is asked for, and two equal calls differ by this.
NOISE = 0.97
TURNS = 8


def threads(pace: float) -> Outcome:
    if len(cores()) < 2:
        return Outcome([Line(7, "two threads", "", "", "", "needs two cores")], {})
    return Outcome([*kernel_threads(pace), *training_threads(pace), fork()], {})


def kernel_threads(pace: float) -> list[Line]:
    env = {"FASTLAYERS_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    sizes = {name: sorted({*SIZES, *least}) for name, least in KERNELS.items()}
    found = ask("threads", env=env, cores=cores(), sizes=sizes, pace=pace)
    times, said = found["times"], "the same to the bit" if found["same"] else "different"
    asked = [(f"{growth.TITLES[name]} of {n:,}", least) for name, of in KERNELS.items() for n, least in of.items()]
    return [
        *(Bound("one thread", least=least).line(7, f"two threads, {where}", times[where]) for where, least in asked),
        Bound("one thread", least=NOISE).least_line(7, "two threads", times),
        Line(7, "results of one and of two threads", said, "", "", "", "the same", found["same"]),
    ]


def training_threads(pace: float) -> list[Line]:
    """Two processes take turns: BLAS settles its threads as it starts, and spins for a while after its work."""
    small = {f"w = {width}": ((64, width, width, 10), 64) for width in WIDTHS}
    best = {network: {OURS: float("inf"), "one thread": float("inf")} for network in (*STEPS, *small.values())}
    with Worker(1, cores()) as one, Worker(2, cores()) as two:
        for network, times in best.items():
            for _ in range(TURNS):
                for name, worker in (("one thread", one), (OURS, two)):
                    times[name] = min(times[name], worker.time(*network, 0.1 * pace))
    races = {where: best[network] for where, network in small.items()}
    what = {network: f"two threads, training step {cases.Network(*network).label(network[0])}" for network in STEPS}
    return [
        *(Bound("one thread", least=least).line(7, what[network], best[network]) for network, least in STEPS.items()),
        Bound("one thread", least=NOISE).least_line(7, "two threads, training step 64-w-w-10 @64", races),
    ]


def fork() -> Line:
    found = ask("fork", cores=cores())
    met = found.startswith("done") if found else None
    return Line(7, "kernels in a forked child after threaded work", found or "no fork here", "", "", "", "done", met)


# 8. Every instruction set


def levels(pace: float) -> Outcome:
    lines = []
    for level in backend.supported_levels():
        env = {"FASTLAYERS_ISA": level}
        found = ask("level", env=env, largest=cases.LARGEST * min(pace, 1), pace=pace)
        if found["level"] == level:
            lines.append(Bound("reference", least=1).least_line(8, level, found["times"]))
        else:
            lines.append(Line(8, level, "", "", "", "not built"))
    return Outcome(lines, {})


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
