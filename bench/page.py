"""``docs/benchmarks.md``, and what the terminal prints: goal, figure and ratio side by side."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

import limits
from goals import Line
from page_texts import NOTES, PICTURES, TITLES
from peers import available

from fastlayers._core import backend
from fastlayers.command.terminal import human

HEADS = ("what", "figure", "peer", "its figure", "ratio", "goal", "", "limit", "share")
PACKAGES = {"torch": "torch", "jax": "jax", "scikit-learn": "sklearn", "onnxruntime": "onnxruntime"}


def verdict(line: Line) -> str:
    return {True: "met", False: "missed", None: ""}[line.met]


def cells(line: Line) -> tuple[str, ...]:
    limit = (human(line.floor), f"{line.share:.0%}") if line.floor else ("", "")
    return line.what, line.figure, line.peer, line.peer_figure, line.ratio, line.limit, verdict(line), *limit


def terminal(line: Line) -> str:
    what, figure, peer, peer_figure, ratio, goal, met, *limit = cells(line)
    head = f"{line.goal:>2} {what:<66} {figure:>10} {peer:<16} {peer_figure:>9} {ratio:>8} {goal:<8} {met:<6}"
    return f"{head} {' '.join(limit)}".rstrip()


def summary(lines: Iterable[Line]) -> str:
    verdicts = [line.met for line in lines if line.limit]
    unmeasured = verdicts.count(None)
    counted = f"{verdicts.count(True)} of {len(verdicts) - unmeasured} goals met"
    return f"{counted}, {unmeasured} not measured" if unmeasured else counted


def write(lines: list[Line], pictures: list[str], path: Path, quick: bool) -> None:
    path.write_text("\n".join(page(lines, pictures, quick)) + "\n", encoding="utf-8")


def page(lines: list[Line], pictures: list[str], quick: bool) -> Iterator[str]:
    yield "# Benchmarks\n"
    yield (
        "Each goal beside its figure and its peer's, from one run of `python bench/report.py`, which writes this page. "
        "What is compared was timed turn by turn, the fastest of many batches, on one core with every thread setting "
        "at 1 unless a line says otherwise, float32 unless it says otherwise, after the results were seen to agree.\n"
    )
    if quick:
        yield "**A quick run:** few batches, and the largest arrays left out. Its figures are rough.\n"
    yield from machine()
    missed = [line for line in lines if line.met is False]
    yield f"\n**{summary(lines)}.**" + (" What is missed:\n" if missed else "")
    yield from (f"- {missed_text(line)}" for line in missed)
    for name in pictures:
        title, alt, text = PICTURES[name]
        yield f"\n## {title}\n\n![{alt}](benchmarks/{name}.png)"
        if text:
            yield f"\n{text}"
    yield "\n## Goal by goal\n"
    yield (
        "A goal `≤` is on our time over the peer's; a goal `≥`, and a ratio without a goal, on the peer's over ours. "
        "In 9 the ratio is the largest over the least.\n"
    )
    yield (
        "The limit is what the machine allows: floating-point operations over its peak plus bytes over its bandwidth, "
        "which stand above, that of the caches for what fits them; the share is the limit over our time. Operations "
        f"are those of products, and {limits.EXP['float32']} of an exp in float32, {limits.EXP['float64']} in "
        "float64, as our kernels have it; bytes are inputs read once and results written once, of a training step its "
        "batch, and each parameter read and written. Where a core computes while it loads, a share may be more than "
        "100 %."
    )
    for goal, title in TITLES.items():
        found = [line for line in lines if line.goal == goal]
        if found:
            yield f"\n### {goal}. {title}\n\n{NOTES[goal]}\n"
            yield from table(found)


def missed_text(line: Line) -> str:
    against = f" against {line.peer}" if line.peer else ""
    return f"{line.what}{against}: {line.ratio or line.figure}, where the goal is {line.limit} ({TITLES[line.goal]})"


def table(lines: list[Line]) -> Iterator[str]:
    yield f"| {' | '.join(HEADS)} |"
    yield "| --- | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: |"
    yield from (f"| {' | '.join(cell.replace('missed', '**missed**') for cell in cells(line))} |" for line in lines)


def machine() -> Iterator[str]:
    """The processor and the versions: a figure means nothing without them."""
    config = backend.config()
    versions = [f"Python {config['python']}", f"NumPy {config['numpy']} ({config['blas']})"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name, module in PACKAGES.items() if available(module)]
    yield f"- CPU: {processor()}{caches()}, {config['machine']}"
    yield f"- NumPy's BLAS: {blas_kernels()}"
    yield f"- One core's peak: {peaks()}"
    yield f"- Its bandwidth: {bandwidths()}"
    yield f"- fastlayers {config['fastlayers']}, instruction set {config['instruction set']}"
    yield f"- {', '.join(versions)}"


def blas_kernels() -> str:
    """For which processors the kernels are that NumPy's BLAS has chosen."""
    if not available("threadpoolctl"):
        return "kernels unknown: threadpoolctl is not installed"
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    found = dict.fromkeys(f"{pool['internal_api']} with kernels for {pool.get('architecture', '?')}" for pool in pools)
    return ", ".join(found)


def peaks() -> str:
    found, giga = limits.machine(), 1e-9
    said = []
    for dtype, (speed, whose) in found.product.items():
        loop = (
            f"{found.loop[dtype] * giga:.0f} GFLOP/s in a loop in registers" if found.loop[dtype] else "no C compiler"
        )
        said.append(f"{dtype} {loop}, {speed * giga:.0f} in the best square product ({whose})")
    return "; ".join(said)


def bandwidths() -> str:
    """Of copies; in memory, of reading alone where that is more."""
    speeds = limits.machine().bandwidth.items()
    return (
        ", ".join(f"{speed / 1e9:.0f} GB/s at {size_of(size)}" for size, speed in speeds) + " (both arrays of a copy)"
    )


def size_of(nbytes: int) -> str:
    return f"{nbytes / 2**20:g} MB" if nbytes >= 2**20 else f"{nbytes / 2**10:g} KB"


def processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def caches() -> str:
    """Sizes of the first core's data caches, where Linux tells them."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return f" ({', '.join(found)})" if found else ""
