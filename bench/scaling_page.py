"""``docs/scaling.md`` and its plot: exchanges and steps as measured, and what follows for other networks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import page
import scaling_model as model
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from fastlayers.command.terminal import human

DPI = 120
COLOURS = dict(
    zip((network.name for network in model.NETWORKS), ("#E69F00", "#009E73", "#0072B2", "#AA4499"), strict=True)
)
OURS = "#D55E00"
SHOWN = (2, 4, 8, 16, 64, 256, 1024)
RUNNING = (
    "```sh",
    "pip install '.[mpi]'                                                            # in a checkout: with Open MPI",
    "export OPENBLAS_NUM_THREADS=1 FASTLAYERS_NUM_THREADS=1",
    "mpiexec -n 2 --bind-to core python script.py                                    # two processes of one machine",
    "mpiexec -n 2 --bind-to core fastlayers train --mpi --idx DIR --batch-size 1024  # the same for the command",
    "mpiexec --host one:4,two:4 -x OPENBLAS_NUM_THREADS -x FASTLAYERS_NUM_THREADS --bind-to core \\",
    "    python script.py                                                            # four on each of two machines",
    "```",
    "",
    "`mpiexec` has to be that of the MPI which mpi4py finds; else each process is a job of its own, of one rank. "
    "As root, Open MPI wants `mpiexec --allow-run-as-root`.\n",
)
Networks = Sequence[tuple[tuple[int, ...], int]]


def name(widths: Sequence[int], batch: int) -> str:
    return f"{'-'.join(map(str, widths))}, {batch}"


def size(nbytes: float) -> str:
    for unit, scale in (("MB", 2**20), ("KB", 2**10)):
        if nbytes >= scale:
            return f"{nbytes / scale:.3g} {unit}"
    return f"{nbytes} bytes"


def exchanged(step: dict[str, Any]) -> int:
    """Bytes of a step's exchange: the gradients, and three numbers."""
    return 4 * (int(step["parameters"]) + 3)


def predicted(step: dict[str, Any], found: dict[str, Any]) -> float:
    """What a step on two ranks must take: that of a share, and an exchange as measured."""
    times = found["exchanges"]
    return float(step["share"] + np.interp(exchanged(step), list(times), list(times.values())))


def terminal(networks: Networks, found: dict[str, Any]) -> Iterator[str]:
    for (widths, batch), step in zip(networks, found["steps"], strict=True):
        yield (
            f"{name(widths, batch):<28} one rank {human(step['one']):>8}   two {human(step['all']):>8}   "
            f"{step['one'] / step['all']:.2f} times as fast   expected {human(predicted(step, found))}"
        )
    for nbytes, seconds in found["exchanges"].items():
        yield f"Allreduce of {size(nbytes):<8} {human(seconds):>8}"


def write(networks: Networks, found: dict[str, Any], docs: Path, idx: Path | None) -> None:
    (docs / "scaling").mkdir(parents=True, exist_ok=True)
    draw(networks, found).savefig(docs / "scaling" / "scaling.png", dpi=DPI, facecolor="white")
    text = "\n".join(lines(networks, found, idx is not None)) + "\n"
    (docs / "scaling.md").write_text(text, encoding="utf-8")


def lines(networks: Networks, found: dict[str, Any], images: bool) -> Iterator[str]:
    main, step, compute = networks[0], found["steps"][0], found["compute"]
    nbytes, fit = exchanged(step), model.fitted(found["exchanges"])
    yield "# Scaling to several processes and machines\n"
    yield (
        "`fastlayers.mpi.DataParallel` gives each rank a part of every batch, and sums the gradients of all ranks in "
        "one `Allreduce` a step; those of one Linux machine in memory that they have in common, which takes less. "
        "This page, which `python bench/scaling.py` writes, tells what that costs on two ranks "
        "of one machine, **measured**; and what follows for more ranks on other networks, **computed** from it.\n"
    )
    yield from RUNNING
    yield from page.machine()
    yield f"- {found['mpi']}, two ranks, each on one thread and bound to a core of its own"
    yield "\n## Two ranks, measured\n"
    yield (
        f"float32, plain SGD, {'images' if images else 'random numbers'} as input. One "
        "rank on the whole batch, and two on a half each, took turns in one job; the fastest of many turns, after "
        "loss and gradient were seen to agree. *Expected* is a step of one rank on half the batch, and an exchange as "
        "measured below.\n"
    )
    yield "| network, batch | exchanged | one rank | two ranks | speed-up | expected |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for (widths, batch), one in zip(networks, found["steps"], strict=True):
        cells = [name(widths, batch), size(exchanged(one)), human(one["one"]), human(one["all"])]
        cells += [f"{one['one'] / one['all']:.2f}", f"{one['one'] / predicted(one, found):.2f}"]
        yield f"| {' | '.join(cells)} |"
    yield "\nA network whose step takes no longer than its exchange gains nothing: train it on one rank."
    yield "\n![The exchange as measured, and the speed-up of 2 to 1024 ranks as computed](scaling/scaling.png)"
    yield "\n## The exchange, measured\n\nAn `Allreduce` in place of float32 between the two ranks, in shared memory:\n"
    yield "| bytes | time |\n| --- | ---: |"
    yield from (f"| {size(n)} | {human(seconds)} |" for n, seconds in found["exchanges"].items())
    yield (
        f"\nThe smallest takes {human(fit.latency)}, and the largest moves {fit.bandwidth / 1e9:.1f} GB/s, which the "
        "line of the plot joins; between, MPI's protocols cost more.\n"
    )
    yield from formulas()
    yield "\n## 2 to 1024 ranks, computed\n"
    yield (
        f"The network {name(*main)}, which exchanges {size(nbytes)} a step, with one rank on each link. The time of a "
        "share is measured, down to one sample; the exchange is the formula's, with a bandwidth as the network's name "
        "says and a latency that is usual for it. Nothing beyond two ranks on one machine was measured.\n"
    )
    yield "| network | latency | bandwidth |\n| --- | ---: | ---: |"
    yield from (f"| {n.name} | {human(n.latency)} | {n.bandwidth / 1e9:g} GB/s |" for n in model.NETWORKS)
    yield f"\n**Strong scaling**: the batch of {main[1]} is shared out. Times as fast as one rank:\n"
    yield from table(lambda ranks, network: f"{model.strong(compute, nbytes, ranks, network):.2f}")
    yield f"\n**Weak scaling**: each rank has {main[1]} samples, so the batch grows. Of p times one rank's speed:\n"
    yield from table(lambda ranks, network: f"{model.weak(compute, nbytes, ranks, network) / ranks:.0%}")
    yield (
        "\nShared out for too many, a batch leaves each rank a step that is all exchange and fixed cost: more ranks "
        "want larger batches. Several ranks on one machine share its link; there, fewer ranks with more threads each "
        "(`OPENBLAS_NUM_THREADS`) exchange less."
    )


def formulas() -> Iterator[str]:
    yield "## The formulas\n"
    yield "```text"
    yield "T(p) = T_compute(batch / p) + T_exchange(n, p)"
    yield "ring                 2 (p - 1) L  +  2 (p - 1) / p * n / B"
    yield "halving, doubling    2 log2(p) L  +  2 (p - 1) / p * n / B"
    yield "recursive doubling     log2(p) L  +      log2(p)   * n / B"
    yield "```\n"
    yield (
        'An MPI takes the cheapest for n and p. They are those of Thakur, Rabenseifner and Gropp, "Optimization of '
        'collective communication operations in MPICH", IJHPCA 19 (2005), without the time of the additions.'
    )


def table(cell: Any) -> Iterator[str]:
    yield f"| ranks | {' | '.join(map(str, SHOWN))} |"
    yield f"| --- |{' ---: |' * len(SHOWN)}"
    for network in model.NETWORKS:
        yield f"| {network.name} | {' | '.join(cell(ranks, network) for ranks in SHOWN)} |"


# The plot


def draw(networks: Networks, found: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    exchange, strong, weak = figure.subplots(1, 3)
    nbytes, compute = exchanged(found["steps"][0]), found["compute"]
    draw_exchange(exchange, found["exchanges"])
    for network in model.NETWORKS:
        style = {"color": COLOURS[network.name], "label": network.name, "marker": "o", "markersize": 3.5}
        strong.plot(model.RANKS, [model.strong(compute, nbytes, p, network) for p in model.RANKS], **style)
        weak.plot(model.RANKS, [model.weak(compute, nbytes, p, network) / p * 100 for p in model.RANKS], **style)
    strong.plot(model.RANKS, model.RANKS, color="0.4", linestyle="--", linewidth=1.2, label="as many times as ranks")
    pair = [found["steps"][0]["one"] / found["steps"][0]["all"]]
    strong.plot([2], pair, color=OURS, marker="D", linestyle="", label="measured, two ranks")
    weak.axhline(100, color="0.4", linestyle="--", linewidth=1.2)
    widths, batch = networks[0]
    strong.set_title(f"Strong scaling: {'-'.join(map(str, widths))}, a batch of {batch}", fontsize=11)
    strong.set(xscale="log", yscale="log", xlabel="ranks (log scale)", ylabel="times as fast as one rank (log scale)")
    strong.set_ylim(0.5, max(model.RANKS) / 8)
    weak.set_title(f"Weak scaling: {batch} samples a rank", fontsize=11)
    weak.set(xscale="log", xlabel="ranks (log scale)", ylabel="% of as many times one rank's speed", ylim=(0, 105))
    for axes in (strong, weak):
        axes.set_xticks(model.RANKS, map(str, model.RANKS), fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
    strong.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    strong.legend(fontsize=8)
    weak.legend(fontsize=8, loc="lower left")
    return figure


def draw_exchange(axes: Axes, times: dict[int, float]) -> None:
    """Two ranks: the points that were measured, their latency and bandwidth, and what networks take."""
    sizes, fit = sorted(times), model.fitted(times)
    axes.plot(
        sizes, [times[n] * 1e6 for n in sizes], color=OURS, marker="D", markersize=4, linestyle="", label="measured"
    )
    expected = [model.allreduce(n, 2, fit) * 1e6 for n in sizes]
    label = f"{human(fit.latency)}, {fit.bandwidth / 1e9:.1f} GB/s"
    axes.plot(sizes, expected, color=OURS, linewidth=1.4, label=label)
    for network in model.NETWORKS:
        expected = [model.allreduce(n, 2, network) * 1e6 for n in sizes]
        axes.plot(sizes, expected, color=COLOURS[network.name], linewidth=1.2, linestyle="--", label=network.name)
    axes.set_title("An exchange between two ranks", fontsize=11)
    axes.set(xscale="log", yscale="log", xlabel="bytes (log scale)", ylabel="microseconds (log scale)")
    axes.set_xticks([2**10, 2**14, 2**17, 2**20, 2**24], ["1 KB", "16 KB", "128 KB", "1 MB", "16 MB"], fontsize=8)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
