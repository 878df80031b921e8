"""Each goal's figure beside its peer's, in one run: ``python bench/report.py``.

It prints goal, figure and ratio side by side, with the limit that the machine sets beside them, and tells on stderr
what it is at. It writes ``docs/benchmarks.md`` with its plots, and the figures of ``README.md``. Run it where
``pip install '.[bench,mpi,rl]'`` ran: a line whose peer is not installed says that it was not measured.

It is a script and not ``python -m bench.report``: that would put the checkout on the path, where the folder
``fastlayers`` holds sources without built kernels, and hide the installed package.
"""

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
QUICK = 0.1
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FASTLAYERS_NUM_THREADS")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--goals", nargs="+", type=int, metavar="N", help="these alone; the page is not written")
    parser.add_argument("--no-write", action="store_true", help="print only")
    parser.add_argument("--quick", action="store_true", help="few batches, in four minutes; the figures are rough")
    parser.add_argument("--core", type=int, default=0, metavar="N", help="the core to keep to (0)")
    parser.add_argument(
        "--docs",
        type=Path,
        default=DOCS,
        metavar="FOLDER",
        help="where the page goes (docs); README.md is left as it is where it is another",
    )
    parser.add_argument("--idx", type=Path, metavar="FOLDER", help="images in the MNIST format to train on")
    given = parser.parse_args()
    if hasattr(os, "sched_getaffinity") and given.core not in os.sched_getaffinity(0):
        parser.error(f"core {given.core} is not one of those that this process may use: {os.sched_getaffinity(0)}")
    return given


def settle(core: int) -> None:
    """One thread and one core, before NumPy and the peers are imported: they look once.

    NumPy's BLAS chooses its kernels by the processor, unless the environment names another one.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    for name in ("FASTLAYERS_ISA", "FASTLAYERS_FUSE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    if hasattr(os, "sched_setaffinity"):
        os.environ["BENCH_CORES"] = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        os.sched_setaffinity(0, {core})


def main() -> None:
    given = options()
    settle(given.core)
    if given.idx:
        os.environ["BENCH_IDX"] = str(given.idx)

    import page
    from goals import Line, Measurement
    from goals_control import CONTROL
    from goals_dtypes import DTYPES
    from goals_fits import FITS
    from goals_image_layers import LAYERS
    from goals_images import IMAGES
    from goals_kernels import KERNELS
    from goals_machine import MACHINE
    from goals_networks import NETWORKS
    from goals_sequences import SEQUENCES
    from goals_words import WORDS
    from step_profile import PROFILE

    import fastlayers

    fastlayers.set_backend("cython")  # ImportError says why where they were not built
    wanted = given.goals or page.TITLES
    lines: list[Line] = []
    times: dict[str, Any] = {}
    measurements: list[Measurement] = [
        *(*KERNELS, *NETWORKS, *DTYPES, *MACHINE, *FITS, PROFILE),
        *(*IMAGES, *LAYERS, *WORDS, *SEQUENCES, *CONTROL),
    ]
    todo = sorted((m for m in measurements if m.goal in wanted), key=lambda m: m.goal)
    start = perf_counter()
    for i, measurement in enumerate(todo, 1):
        minutes, seconds = divmod(int(perf_counter() - start), 60)
        print(f"{minutes}:{seconds:02} {i} of {len(todo)}: {measurement.what}", file=sys.stderr, flush=True)
        outcome = measurement.measure(QUICK if given.quick else 1.0)
        times |= outcome.times
        for line in outcome.lines:
            print(page.terminal(line), flush=True)
        lines += outcome.lines
    print(f"\n{page.summary(lines)}")
    if not given.no_write and not given.goals:
        write(lines, times, given)


def write(lines: list[Any], times: dict[str, Any], given: argparse.Namespace) -> None:
    import page
    import plots
    import readme

    given.docs.mkdir(parents=True, exist_ok=True)
    pictures = plots.draw(times, given.docs / "benchmarks")
    page.write(lines, pictures, given.docs / "benchmarks.md", given.quick)
    print(f"wrote {given.docs / 'benchmarks.md'}", file=sys.stderr)
    if given.docs == DOCS and not given.quick:
        readme.write(times)
        print(f"wrote {readme.README}", file=sys.stderr)


if __name__ == "__main__":
    main()
