"""The command ``fastlayers``: train, predict, bench, info."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import datasets
from ._backend import get_num_threads, set_num_threads, show_config, use_backend
from ._files import check_writable
from .command import ranks, report, training
from .command.options import parser
from .formats import ModelFileError
from .mpi import RankError
from .network import Sequential

_FAILED, _INTERRUPTED, _BROKEN_PIPE = 1, 130, 141
_BETWEEN_SAVES = 1.0  # seconds: a tiny network has thousands of epochs a minute, and each save waits for the disk


class InputError(ValueError):
    """Files that do not fit each other."""


_OWN_ERRORS = InputError, datasets.DataError, ModelFileError, training.DivergedError, RankError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 where it failed, 130 after Ctrl-C, 141 where the reader of its output went away.
    """
    words = sys.argv[1:] if argv is None else argv
    if "--mpi" not in words:
        return _run(words)
    try:
        return ranks.run(lambda: _run(words))  # before they are understood: what is wrong with them is told once
    except ImportError as error:
        return _fail(str(error))


def _run(words: Sequence[str]) -> int:
    try:
        args = parser({"train": _train, "predict": _predict, "bench": _bench, "info": _info}).parse_args(words)
        command: Callable[[argparse.Namespace], None] = args.command
        # A file name may hold bytes that are no text in the terminal's encoding.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        command(args)
        print(end="", flush=True)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError:
        _discard_stdout()
        return _BROKEN_PIPE
    except OSError as error:
        _discard_stdout()
        return _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except MemoryError as error:
        return _fail(f"not enough memory: {error}")
    except (ImportError, *_OWN_ERRORS) as error:
        return _fail(str(error))
    return 0


# The commands


def _train(args: argparse.Namespace) -> None:
    comm = ranks.communicator() if args.mpi else None
    if comm is not None and comm.rank:
        args.save = args.plot = None  # rank 0 writes them
    _prepare(args)
    backends = _backends(args.backend)
    settings = _settings(args)
    data = _load(args.idx, settings.dtype)
    print(report.describe(data, settings), flush=True)
    runs = []
    saver = _Saver(args.save)
    try:
        for backend in backends:
            processes = "" if comm is None else f", {comm.size} process(es)"
            print(f"\n{backend}, at most {get_num_threads()} thread(s){processes}", flush=True)
            runs.append(training.train(data, settings, backend, saver, comm))
    except KeyboardInterrupt as error:
        if saver.epochs:
            error.add_note(f"{args.save} has the network after {saver.epochs} epoch(s)")
        raise
    print(f"\n{report.summary(runs)}")
    if len(runs) == 2:
        print(f"\n{report.comparison(*runs)}")
    if args.save is not None:
        runs[-1].network.save(args.save)
        print(f"\nnetwork trained on {runs[-1].backend} saved in {args.save}")
    if args.plot is not None:
        report.plot(args.plot, report.title(data, settings), runs)
        print(f"\ncurves drawn in {args.plot}")


def _predict(args: argparse.Namespace) -> None:
    network = Sequential.load(args.model)
    weights = [layer.W for layer in network.layers if hasattr(layer, "W")]
    dtype = weights[0].dtype.name
    test = datasets.load_idx_split(args.idx, "t10k", dtype) if args.idx else datasets.load_digits(dtype).test
    source = args.idx or "the bundled digits"
    features, classes = weights[0].shape[0], weights[-1].shape[1]
    if test.x.shape[1] != features:
        hint = "" if args.idx else " (is it a network for other images? then give --idx DIR)"
        raise InputError(
            f"{args.model} takes images of {features} pixels, but those of {source} have {test.x.shape[1]}{hint}"
        )
    if test.t.max() >= classes:
        raise InputError(
            f"{args.model} knows the classes 0 to {classes - 1}, but {source} has the label {test.t.max()}"
        )
    predicted = training.classify(network, test.x)
    print(f"accuracy {(predicted == test.t).mean():.2%} on {len(test.t):,} test images of {source}\n")
    print("rows: the true class; columns: the class predicted\n")
    print(report.confusion(test.t, predicted, classes))


def _bench(args: argparse.Namespace) -> None:
    from .command.table import main_table  # imported here: the other commands have no use for it

    main_table(seconds=args.seconds, json=args.json)


def _info(args: argparse.Namespace) -> None:
    show_config()


# The parts of train


def _prepare(args: argparse.Namespace) -> None:
    """Fail now on what would otherwise fail after the training."""
    if args.threads is not None:
        set_num_threads(args.threads)
    if args.plot is not None:
        report.require_plotting()
    if args.plot is not None and args.plot == args.save:
        raise InputError(f"--plot and --save name the same file, {args.save}")
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


def _settings(args: argparse.Namespace) -> training.Settings:
    return training.Settings(
        hidden=tuple(args.hidden),
        activation=args.activation,
        epochs=args.epochs,
        batch_size=args.batch_size,
        optimizer=args.optimizer,
        lr=training.OPTIMIZERS[args.optimizer][1] if args.lr is None else args.lr,
        dtype=args.dtype,
        seed=args.seed,
    )


class _Saver:
    """Saves the network after an epoch, once a second at most, so that Ctrl-C loses little of the training.

    Where a second backend repeats the training, the file never goes back to a network that has trained for less.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.epochs = 0  # of the network in the file
        self._due = 0.0

    def __call__(self, run: training.Run) -> None:
        epochs = len(run.train_loss)
        if self.path is not None and epochs > self.epochs and time.monotonic() >= self._due:
            run.network.save(self.path)
            self.epochs, self._due = epochs, time.monotonic() + _BETWEEN_SAVES


def _load(folder: Path | None, dtype: str) -> datasets.Dataset:
    return datasets.load_digits(dtype) if folder is None else datasets.load_idx(folder, dtype)


# Errors


def _fail(message: str) -> int:
    print(f"fastlayers: error: {' '.join(message.split())}", file=sys.stderr)
    return _FAILED


def _interrupted(error: KeyboardInterrupt) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends anyway: a second one could only add a traceback
    _discard_stdout()
    print("; ".join(["fastlayers: interrupted", *getattr(error, "__notes__", [])]), file=sys.stderr)
    return _INTERRUPTED


def _discard_stdout() -> None:
    """Keep the interpreter from writing at exit what standard output has just refused."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
