"""The table of ``fastlayers bench``: both paths, kernel by kernel and size by size."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from .._core import backend
from .cases import LARGEST, rows
from .measured import Call
from .terminal import PLAIN, Style, fold, human, three_digits

BATCH_SECONDS = 2e-4  # a batch this long, beside which reading the clock costs nothing
MIN_ROUNDS = 3
SMALLEST_TABLE = 2**19  # bytes; however little time there is, arrays up to this size are timed: each case has some

_PAGE = 80  # columns, which the rows fit; a file or a pipe has no width of its own

# Of each column of numbers: its head and its width.
_COLUMNS: dict[str, tuple[str, int]] = {
    "reference": ("reference", 10),
    "cython": ("compiled", 10),
    "ratio": ("ratio", 8),
    "cython out=": ("out=", 9),
}


def fastest(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Seconds a call of each: the fastest of many batches, since whatever else the machine does only adds.

    The calls take turns batch by batch, so that a machine that drifts is as slow for one as for the other.
    """
    deadline = perf_counter() + seconds
    timers = {path: (call.timer(), 1) for path, call in calls.items()}
    for path, (timer, n) in timers.items():
        while timer.timeit(n) < BATCH_SECONDS:
            n *= 2
        timers[path] = timer, n
    best = dict.fromkeys(calls, float("inf"))
    done = 0
    while done < MIN_ROUNDS or perf_counter() < deadline:
        for path, (timer, n) in timers.items():
            best[path] = min(best[path], timer.timeit(n) / n)
        done += 1
    return best


def main_table(seconds: float = 60.0, style: Style = PLAIN) -> dict[str, Any]:
    """Print a table of both paths: each kernel, size and dtype, then the training steps.

    Parameters
    ----------
    seconds : float, default 60
        About how long it takes in all. Less than the default leaves out the largest arrays.
    style : Style, optional
        Of standard output.

    Returns
    -------
    dict
        The same for a program, with times in seconds.
    """
    with backend.use_backend("auto"):
        config = backend.config()
        compiled = config["backend"] == "cython"
        todo = list(rows(max(LARGEST * seconds / 60, SMALLEST_TABLE)))
        width = max(len(case.name) + 2 + len(case.label(size)) for case, size, _ in todo)
        _print_header(config, width, style)
        results = []
        deadline = perf_counter() + seconds
        for i, (case, size, dtype) in enumerate(todo):
            end = perf_counter() + (deadline - perf_counter()) / (len(todo) - i)
            calls = case.prepare(size, dtype)
            if not compiled:
                calls = {"reference": calls["reference"]}
            times = fastest(calls, end - perf_counter())
            ratio = {"ratio": times["reference"] / times["cython"]} if compiled else {}
            results.append({"kernel": case.name, "size": case.label(size), "dtype": dtype, **times, **ratio})
            _print_row(results[-1], width, style)
    return {"config": config, "seconds": results}


def _print_header(config: dict[str, Any], width: int, style: Style) -> None:
    compiled = config["backend"] == "cython"
    lines = [
        f"fastlayers {config['fastlayers']}, backend {config['backend']} ({config['instruction set']}), "
        f"threads {config['threads']}, NumPy {config['numpy']}, BLAS {config['blas']}, {config['machine']}",
        "Time of a call, the fastest of many; ratio: how many times the reference's time is the compiled path's; "
        "out=: the compiled path with its result's array given.",
    ]
    if not compiled:
        lines[1:] = [
            "The compiled kernels are not there ('fastlayers info' says why): this is the reference alone.",
            "Time of a call, the fastest of many.",
        ]
    cells = {path: head for path, (head, _) in _COLUMNS.items() if compiled or path == "reference"}
    heads = style.bold(_line("kernel", "size", "dtype", cells, width))
    print("\n".join(fold(line, style.width or _PAGE) for line in lines), heads, sep="\n\n", flush=True)


def _print_row(row: dict[str, Any], width: int, style: Style) -> None:
    cells = {path: human(row[path]) for path in _COLUMNS if path in row and path != "ratio"}
    if "ratio" in row:
        # Colour comes after the padding, which would count its escape sequences.
        cell = f"{three_digits(row['ratio'])}x".rjust(_COLUMNS["ratio"][1])
        cells["ratio"] = style.ratio(cell, row["ratio"])
    print(_line(row["kernel"], row["size"], row["dtype"], cells, width), flush=True)


def _line(kernel: str, size: str, dtype: str, cells: dict[str, str], width: int) -> str:
    """Lay out a row; kernel and size stand in one field, so that the table fits 80 columns."""
    padded = "".join(cells.get(path, "").rjust(columns) for path, (_, columns) in _COLUMNS.items())
    return f"{kernel}{size:>{width - len(kernel)}}  {dtype:<7}{padded}".rstrip()
