"""The options of the command, and the texts of its ``--help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from .._version import __version__
from ..layers import ACTIVATIONS
from .completion import SHELLS
from .manual import AFTER, BEFORE, SUMMARIES
from .networks import KINDS, OPTIMIZERS
from .terminal import COLOURS, PLAIN, Style, fold
from .values import exported, fraction, from_zero, png, positive, whole

Command = Callable[..., Any]

_USAGE = 2


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return fold(text, width).splitlines()  # a file name with a hyphen stays whole


class _Parser(argparse.ArgumentParser):
    """A parser whose help is a manual page, and whose errors are one line.

    Parameters
    ----------
    summary : str
        What the command does, in a few words.
    out, err : Style
        Of standard output and standard error.
    """

    def __init__(self, summary: str, out: Style, err: Style, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **options)
        self.color = False  # Python 3.14's own colours: a page looks the same on every Python
        self.summary, self.out, self.err = summary, out, err

    def format_help(self) -> str:
        name = self._get_formatter()
        name.add_text(f"{self.prog} - {self.summary}")
        return self.out.page(f"{name.format_help()}\n{super().format_help()}")

    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, self.err.error(f"{message} (see {self.prog} --help)"))

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is None or file is not sys.stdout:
            super()._print_message(message, file)
        else:  # argparse passes over what it cannot write
            print(end=message, file=file, flush=True)


def parser(commands: Mapping[str, Command], out: Style = PLAIN, err: Style = PLAIN) -> argparse.ArgumentParser:
    """Build the parser of the whole command.

    Parameters
    ----------
    commands : mapping of str to callable
        What runs for each of ``train``, ``predict``, ``export``, ``bench``, ``info``, ``completion``; it becomes
        ``args.command``.
    out, err : Style, optional
        How the help on standard output is shown, and the errors on standard error.
    """
    top = _Parser(
        "small neural networks on the CPU, fast", out, err, prog="fastlayers", description=BEFORE[""], epilog=AFTER[""]
    )
    top.add_argument("--version", action="version", version=f"fastlayers {__version__}")
    _add_color(top)
    added = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str) -> argparse.ArgumentParser:
        command = added.add_parser(
            name,
            summary=SUMMARIES[name],
            out=out,
            err=err,
            help=SUMMARIES[name],
            description=BEFORE[name],
            epilog=AFTER[name],
        )
        _add_color(command)
        command.set_defaults(command=commands[name], json=False)
        return command

    _add_train_options(add("train"))
    _add_predict_options(add("predict"))
    _add_export_options(add("export"))
    bench = add("bench")
    bench.add_argument(
        "--seconds", type=positive, metavar="N", default=60.0, help="about how long it may take (%(default)g)"
    )
    _add_output(bench.add_argument_group("the output"))
    _add_output(add("info").add_argument_group("the output"))
    add("completion").add_argument("shell", choices=SHELLS, help="whose script it is")
    return top


def _add_train_options(train: argparse.ArgumentParser) -> None:
    rates = {name: ", ".join(f"{lr:g} for {of}" for of, lr in kind.rates.items()) for name, kind in KINDS.items()}
    count = whole(1)
    _add_idx(train.add_argument_group("the data"))
    network = train.add_argument_group("the network")
    activations, dtypes = list(ACTIVATIONS), ["float32", "float64"]
    network.add_argument(
        "--network",
        choices=list(KINDS),
        default="affine",
        help="affine: affine layers alone; convnet: before them a convolution and pooling, as the book's SimpleConvNet "
        "has them (%(default)s)",
    )
    network.add_argument(
        "--hidden", type=count, nargs="*", metavar="N", help="sizes of the hidden affine layers (50; of a convnet 100)"
    )
    network.add_argument("--activation", choices=activations, default="relu", help="between two layers (%(default)s)")
    network.add_argument("--dtype", choices=dtypes, default="float32", help="of all arrays (%(default)s)")
    network.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of all that is random (%(default)s)")
    how = train.add_argument_group("the training")
    how.add_argument("--epochs", type=count, default=30, metavar="N", help="passes over the images (%(default)s)")
    how.add_argument("--batch-size", type=count, default=100, metavar="N", help="images per step (%(default)s)")
    how.add_argument(
        "--optimizer", choices=list(OPTIMIZERS), help="what follows the gradients (sgd; of a convnet adam)"
    )
    how.add_argument(
        "--lr",
        type=positive,
        metavar="RATE",
        help=f"learning rate ({rates['affine']}; of a convnet {rates['convnet']})",
    )
    how.add_argument(
        "--dropout",
        type=fraction,
        default=0.0,
        metavar="P",
        help="the part of each hidden layer's outputs that a step leaves out at random (%(default)g)",
    )
    how.add_argument(
        "--weight-decay",
        type=from_zero,
        default=0.0,
        metavar="RATE",
        help="so much of each weight is added to its gradient; biases do not decay (%(default)g)",
    )
    machine = train.add_argument_group("the machine")
    machine.add_argument(
        "--backend",
        choices=["cython", "reference", "both"],
        default="both",
        help="cython: compiled kernels; reference: plain NumPy; both: one after the other from the same start, "
        "to compare their speed and their losses (%(default)s)",
    )
    machine.add_argument("--threads", type=whole(1), metavar="N", help="that a kernel may use (as many as cores)")
    machine.add_argument(
        "--mpi",
        action="store_true",
        help="share each batch among the processes of mpiexec, on this machine or several; rank 0 prints and saves, "
        "in no colour unless --color says so",
    )
    output = train.add_argument_group("the output")
    output.add_argument("--plot", type=png, metavar="FILE.png", help="draw the loss and accuracy curves")
    output.add_argument(
        "--save",
        type=Path,
        metavar="FILE.npz",
        help="save the network, for 'fastlayers predict': after each epoch, once a second at most, and at the end; "
        "Ctrl-C keeps what was saved last",
    )
    _add_output(output)


def _add_predict_options(predict: argparse.ArgumentParser) -> None:
    predict.add_argument("model", metavar="MODEL.npz", type=Path, help="a file that 'fastlayers train --save' wrote")
    data = predict.add_argument_group("the data")
    _add_idx(data)
    data.add_argument(
        "--pictures",
        metavar="FILE.png",
        type=Path,
        nargs="+",
        help="tell the class of each of these instead, made grey and as large as the network's images (none)",
    )
    data.add_argument(
        "--invert",
        action="store_true",
        help="pictures are dark on light paper: the networks of MNIST have learned from light on dark",
    )
    _add_output(predict.add_argument_group("the output"))


def _add_export_options(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "model",
        metavar="MODEL.npz",
        type=Path,
        help="a file of a network, as 'fastlayers train --save' writes; or .safetensors",
    )
    export.add_argument(
        "file", metavar="FILE.c", type=exported, help="what to write; or FILE.onnx, or FILE.safetensors"
    )
    network = export.add_argument_group("the network")
    network.add_argument(
        "--input-shape",
        type=whole(1),
        nargs="+",
        metavar="N",
        help="of one sample, as 1 28 28 for images (what the first layer takes)",
    )
    network.add_argument(
        "--probabilities", action="store_true", help="give probabilities of the classes, and no scores"
    )
    network.add_argument("--name", help="of the function in FILE.c (the file's, made an identifier)")
    _add_output(export.add_argument_group("the output"))


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--json", action="store_true", help="print JSON on standard output, and all else on standard error"
    )


def _add_color(parser: argparse.ArgumentParser) -> None:
    """Before or after the name of the command; `colour_asked_for` has read it by then."""
    parser.add_argument(
        "--color",
        choices=COLOURS,
        metavar="WHEN",
        default="auto",
        help="auto: on a terminal, unless NO_COLOR is set or TERM is dumb; always: in files and pipes too (auto)",
    )


def _add_idx(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--idx",
        type=Path,
        metavar="DIR",
        help="a folder of images in the MNIST format: train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each plain or .gz (scikit-learn's bundled digits)",
    )
