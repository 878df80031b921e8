"""The command ``fastlayers``: train, predict, export, bench, info, completion."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from .. import datasets
from .._core.backend import config, described, get_num_threads, set_num_threads, use_backend
from .._core.files import check_writable
from ..command import completion, documents, exporting, predicting, ranks, report, training
from ..formats import ModelFileError
from ..mpi import RankError
from .networks import KINDS, Settings
from .options import parser
from .saver import Saver
from .terminal import PLAIN, Style, colour_asked_for, tell

_FAILED, _INTERRUPTED, _BROKEN_PIPE = 1, 130, 141  # argparse exits with 2


_OWN_ERRORS = predicting.InputError, datasets.DataError, ModelFileError, training.DivergedError, RankError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 if the command failed, 130 after Ctrl-C, 141 after a broken pipe. A wrong option raises
        ``SystemExit`` with the status 2.
    """
    words = sys.argv[1:] if argv is None else argv
    if "--mpi" not in words:
        return _run(words)
    try:
        return ranks.run(lambda: _run(words))  # before they are understood: what is wrong with them is told once
    except ImportError as error:
        return _fail(str(error), words)


def _run(words: Sequence[str]) -> int:
    try:
        args = _parser(words).parse_args(words)
        # A file name may hold bytes that are no text in the terminal's encoding.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        # A program reads standard output then: what is for people goes where its progress bar is.
        with contextlib.redirect_stdout(sys.stderr) if args.json else contextlib.nullcontext():
            document = args.command(args, _style(sys.stdout, words))
        if args.json:
            print(documents.dumps(document))
        print(end="", flush=True)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError:
        _discard_stdout()
        return _BROKEN_PIPE
    except OSError as error:
        _discard_stdout()
        return _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error), words)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}", words)
    except (ImportError, *_OWN_ERRORS) as error:
        return _fail(str(error), words)
    return 0


# The commands: each prints its text, and gives the document for --json


def _train(args: argparse.Namespace, style: Style) -> documents.Document:
    comm = ranks.communicator() if args.mpi else None
    if comm is not None and comm.rank:
        args.save = args.plot = None  # rank 0 writes them
    _prepare(args)
    backends = _backends(args.backend)
    settings = _settings(args)
    data = _load(args.idx, settings)
    print(report.describe(data, settings, style), flush=True)
    runs = []
    saver = Saver(args.save)
    try:
        for backend in backends:
            processes = "" if comm is None else f", {comm.size} process(es)"
            print(f"\n{style.bold(backend)}, at most {get_num_threads()} thread(s){processes}", flush=True)
            runs.append(training.train(data, settings, backend, saver, comm, style))
    except KeyboardInterrupt as error:
        if saver.epochs:
            error.add_note(f"{args.save} has the network after {saver.epochs} epoch(s)")
        raise
    print(f"\n{report.summary(runs, style)}")
    if len(runs) == 2:
        print(f"\n{report.comparison(runs[0], runs[1], style)}")
    if args.save is not None:
        runs[-1].network.save(args.save)
        print(f"\nnetwork trained on {runs[-1].backend} saved in {args.save}")
    if args.plot is not None:
        report.plot(args.plot, report.title(data, settings), runs)
        print(f"\ncurves drawn in {args.plot}")
    return documents.training(data, settings, runs, 1 if comm is None else comm.size)


def _predict(args: argparse.Namespace, style: Style) -> documents.Document:
    if args.pictures:
        return predicting.classify(args.model, args.pictures, args.invert, args.color, style)
    return predicting.test(args.model, args.idx, args.color, style)


def _export(args: argparse.Namespace, style: Style) -> documents.Document:
    return exporting.export(args.model, args.file, args.name, args.input_shape, args.probabilities)


def _bench(args: argparse.Namespace, style: Style) -> documents.Document:
    from .table import main_table  # imported here: the other commands have no use for it

    return main_table(args.seconds, style)


def _info(args: argparse.Namespace, style: Style) -> documents.Document:
    rows, note = described()
    print(style.rows(rows), *([style.fold(note)] if note else []), sep="\n\n")
    return config()


def _completion(args: argparse.Namespace, style: Style) -> documents.Document:
    print(completion.script(_parser([]), args.shell))
    return {}


_COMMANDS = {
    "train": _train,
    "predict": _predict,
    "export": _export,
    "bench": _bench,
    "info": _info,
    "completion": _completion,
}


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    return parser(_COMMANDS, _style(sys.stdout, words), _style(sys.stderr, words))


def _style(stream: TextIO, words: Sequence[str]) -> Style:
    choice = colour_asked_for(words)
    # mpiexec may give a process a terminal of its own, wherever the output goes in the end.
    return PLAIN if "--mpi" in words and choice == "auto" else Style.of(stream, choice)


# The parts of train


def _prepare(args: argparse.Namespace) -> None:
    """Fail now on what would otherwise fail after the training."""
    if args.threads is not None:
        set_num_threads(args.threads)
    if args.plot is not None:
        report.require_plotting()
    plot, save = (None if path is None else os.path.realpath(path) for path in (args.plot, args.save))
    if plot is not None and plot == save:
        raise predicting.InputError(f"--plot and --save name the same file, {args.save}")
    for path in (args.plot, args.save):
        if path is not None:
            check_writable(path)


def _backends(choice: str) -> list[str]:
    """List the backends to train on; ``both`` falls back to the reference where there are no kernels."""
    if choice == "reference":
        return ["reference"]
    try:
        with use_backend("cython"):
            pass
    except ImportError as error:
        if choice == "cython":
            raise
        print(f"note: the reference trains alone, since {error}\n", flush=True)
        return ["reference"]
    return ["cython"] if choice == "cython" else ["reference", "cython"]


def _settings(args: argparse.Namespace) -> Settings:
    kind = KINDS[args.network]
    optimizer = args.optimizer or kind.optimizer
    return Settings(
        hidden=kind.hidden if args.hidden is None else tuple(args.hidden),
        activation=args.activation,
        epochs=args.epochs,
        batch_size=args.batch_size,
        optimizer=optimizer,
        lr=kind.rates[optimizer] if args.lr is None else args.lr,
        dtype=args.dtype,
        seed=args.seed,
        dropout=args.dropout,
        weight_decay=args.weight_decay,
        network=args.network,
    )


def _load(folder: Path | None, settings: Settings) -> datasets.Dataset:
    dtype = settings.dtype
    data = datasets.load_digits(dtype) if folder is None else datasets.load_idx(folder, dtype)
    return data if settings.network == "affine" else data.as_images()


# Errors


def _fail(message: str, words: Sequence[str]) -> int:
    tell(_style(sys.stderr, words).error(message))
    return _FAILED


def _interrupted(error: KeyboardInterrupt) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends anyway: a second one could only add a traceback
    _discard_stdout()
    tell("; ".join(["fastlayers: interrupted", *getattr(error, "__notes__", [])]) + "\n")
    return _INTERRUPTED


def _discard_stdout() -> None:
    """Keep the interpreter from writing at exit what standard output has just refused."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
