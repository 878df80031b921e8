"""The options of the command, and the texts of its ``--help``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from .._version import __version__
from . import training

Command = Callable[[argparse.Namespace], None]

_USAGE = 2

_OVERVIEW = """\
examples:
  fastlayers train                     train on the bundled digits, on both backends
  fastlayers train --save digits.npz   and keep the network
  fastlayers predict digits.npz        which digits it takes for which
  fastlayers info                      are the compiled kernels there?

'fastlayers COMMAND --help' explains a command and its options.
"""

_TRAIN = """\
examples:
  fastlayers train
      a network with one hidden layer of 50 neurons learns scikit-learn's 8x8 digits,
      first in plain NumPy, then on the compiled kernels
  fastlayers train --hidden 256 128 --optimizer adam --plot curves.png
      two hidden layers; the loss and the accuracy are drawn over the epochs
  fastlayers train --idx DIR --epochs 10 --lr 0.1 --save model.npz
      images in the MNIST format (also Fashion-MNIST, KMNIST) from a folder
  mpiexec -n 4 fastlayers train --mpi --idx DIR --batch-size 1024
      the same training on four processes, each with a quarter of every batch

Defaults are in parentheses.
"""

_PREDICT = """\
examples:
  fastlayers predict digits.npz              a network that was trained on the digits
  fastlayers predict model.npz --idx DIR     one that was trained with --idx DIR
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"fastlayers: error: {message} (see {self.prog} --help)\n")


def parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Build the parser of the whole command.

    Parameters
    ----------
    commands : mapping of str to callable
        What runs for each of ``train``, ``predict``, ``bench``, ``info``; it becomes ``args.command``.
    """
    top = _Parser(
        prog="fastlayers",
        description="Train small neural networks on the CPU, and see what the compiled kernels bring.",
        epilog=_OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"fastlayers {__version__}")
    added = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, epilog: str = "") -> argparse.ArgumentParser:
        command = added.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(command=commands[name])
        return command

    _add_train_options(add("train", "train a network on images, on one backend or on both", _TRAIN))
    predict = add("predict", "test a saved network: its accuracy, and which classes it mixes up", _PREDICT)
    predict.add_argument("model", metavar="MODEL.npz", type=Path, help="a file that 'fastlayers train --save' wrote")
    _add_idx(predict)
    bench = add("bench", "time every kernel on both backends, size by size")
    bench.add_argument("--seconds", type=_positive, default=60.0, help="about how long it may take (%(default)g)")
    bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add("info", "show version, backend, instruction set, threads, and NumPy's BLAS")
    return top


def _add_train_options(train: argparse.ArgumentParser) -> None:
    rates = ", ".join(f"{lr:g} for {name}" for name, (_, lr) in training.OPTIMIZERS.items())
    whole = _whole(1)
    _add_idx(train)
    network = train.add_argument_group("the network")
    activations, dtypes = list(training.ACTIVATIONS), ["float32", "float64"]
    network.add_argument(
        "--hidden", type=whole, nargs="*", default=[50], metavar="N", help="sizes of the hidden layers (50)"
    )
    network.add_argument("--activation", choices=activations, default="relu", help="between two layers (%(default)s)")
    network.add_argument("--dtype", choices=dtypes, default="float32", help="of all arrays (%(default)s)")
    network.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of weights and batches (%(default)s)")
    how = train.add_argument_group("the training")
    how.add_argument("--epochs", type=whole, default=30, metavar="N", help="passes over the images (%(default)s)")
    how.add_argument("--batch-size", type=whole, default=100, metavar="N", help="images per step (%(default)s)")
    how.add_argument("--optimizer", choices=list(training.OPTIMIZERS), default="sgd", help="(%(default)s)")
    how.add_argument("--lr", type=_positive, metavar="RATE", help=f"learning rate ({rates})")
    machine = train.add_argument_group("the machine")
    machine.add_argument(
        "--backend",
        choices=["cython", "reference", "both"],
        default="both",
        help="cython: compiled kernels; reference: plain NumPy; both: one after the other from the same start, "
        "to compare their speed and their losses (%(default)s)",
    )
    machine.add_argument("--threads", type=_whole(1), metavar="N", help="that a kernel may use (as many as cores)")
    machine.add_argument(
        "--mpi",
        action="store_true",
        help="share each batch among the processes of mpiexec, on this machine or several; rank 0 prints and saves",
    )
    output = train.add_argument_group("files to write")
    output.add_argument("--plot", type=_png, metavar="FILE.png", help="draw the loss and accuracy curves")
    output.add_argument(
        "--save",
        type=Path,
        metavar="FILE.npz",
        help="save the network, for 'fastlayers predict': after each epoch, once a second at most, and at the end; "
        "Ctrl-C keeps what was saved last",
    )


def _add_idx(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--idx",
        type=Path,
        metavar="DIR",
        help="a folder of images in the MNIST format: train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each plain or .gz (scikit-learn's bundled digits)",
    )


def _whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return convert


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _png(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return Path(text)
