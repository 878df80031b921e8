"""The scripts of the books, with their own layers and with ours in their place: outputs and times, side by side.

    FASTLAYERS_BOOKS=FOLDER python bench/books.py [--volume 2] [--only TEXT] [--idx DIR] [--images N] [--words N] ...

FOLDER is a checkout of the code of *Deep Learning from Scratch*, of its volume on natural language processing, or holds
them as ``volume1`` and ``volume2``; it is only read. Every script that imports the layers or the optimizers, itself or
through other modules, runs in a copy as it stands; for ours the classes of these modules are imported from
``fastlayers``. ``books_data.py`` says what they read.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import books_code
import books_data

from fastlayers.command.terminal import human

TIMED_OUT = -1  # the status of a script that was not done
# One thread both ways; nothing is shown; what is imported has been compiled, as what is installed has.
ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "FASTLAYERS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONIOENCODING": "utf-8",
}
HEADS = ("script", "the book's", "ours", "times as fast", "apart", "the book's last line", "our last line")
# The same numbers are drawn both ways, by all but the layers.
RUN = """
import runpy, sys
sys.path.insert(0, "")
import numpy
numpy.random.seed(0)
numpy.set_printoptions(precision=6)
runpy.run_path(sys.argv[1], run_name="__main__")
"""
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
CLOCK = re.compile(r"time \d+\[s\]")


@dataclass
class Outcome:
    """What a script did."""

    seconds: float  # of the processor, since both ways have one thread
    status: int
    output: str

    @property
    def last(self) -> str:
        """The last line that it printed, or the error."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def apart(book: str, ours: str) -> float | None:
    """How far numbers that were printed both ways are apart, relative above 1; None where anything else differs."""
    texts = [CLOCK.sub("", text) for text in (book, ours)]
    words = [NUMBER.sub(" # ", text).split() for text in texts]  # the spaces between numbers are NumPy's
    if words[0] != words[1]:
        return None
    numbers = [map(float, NUMBER.findall(text)) for text in texts]
    return max((abs(a - b) / max(1.0, abs(a)) for a, b in zip(*numbers, strict=True)), default=0.0)


def used() -> float:
    """The seconds of the processor that scripts have had, up to now."""
    times = os.times()
    return times.children_user + times.children_system


def run(tree: Path, name: str, timeout: float = 3600) -> Outcome:
    """Run a script as its reader does, from its own folder, in a process of its own."""
    start = used()
    try:
        done = subprocess.run(
            [sys.executable, "-c", RUN, Path(name).name],
            cwd=tree / Path(name).parent,
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(timeout, TIMED_OUT, f"not done after {timeout:g} s")
    return Outcome(used() - start, done.returncode, done.stdout)


def table(root: Path, volume: books_code.Volume, fill: books_code.Fill, args: argparse.Namespace) -> int:
    """Print what the scripts of a volume do both ways; how many fail with ours, or have layers that are not."""
    with tempfile.TemporaryDirectory() as work:
        trees = {way: books_code.copy_of(root, Path(work, way), volume, fill, args.epochs) for way in ("book", "ours")}
        missing = books_code.replace(trees["ours"], volume, layers_alone=args.layers_alone)
        chosen = [name for name in books_code.scripts(root, volume) if args.only in name]
        failed = len(missing)
        for name in missing:
            print(f"{name} is the book's both ways")
        print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
        for name in chosen:
            book, ours = (run(trees[way], name, args.timeout) for way in ("book", "ours"))
            failed += ours.status != 0
            difference = apart(book.output, ours.output)
            cells = [
                name,
                *(human(each.seconds) if each.status == 0 else f"failed ({each.status})" for each in (book, ours)),
                f"{book.seconds / ours.seconds:.2f}",
                "words differ" if difference is None else f"{difference:.1g}",
                *(each.last[:70].replace("|", "/") for each in (book, ours)),
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    return failed


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--volume", type=int, choices=books_code.VOLUMES, help="only this one")
    options.add_argument("--only", default="", help="scripts with this in their name alone")
    options.add_argument("--idx", type=Path, help="a folder of images in the MNIST format")
    options.add_argument("--images", type=int, default=300, help="so many of each part (%(default)s)")
    options.add_argument("--text", type=Path, help="a text in place of Python's documentation")
    options.add_argument("--words", type=int, default=20_000, help="so many of it to train on (%(default)s)")
    options.add_argument("--questions", type=int, default=1000, help="so many for the seq2seq networks (%(default)s)")
    options.add_argument("--epochs", type=int, help="so many at most for each training, where a script has more")
    options.add_argument("--layers-alone", action="store_true", help="with the book's optimizers both ways")
    options.add_argument("--timeout", type=float, default=3600, help="seconds for a script (%(default)g)")
    args = options.parse_args()
    if books_code.VARIABLE not in os.environ:
        raise SystemExit(f"{books_code.VARIABLE} must name a checkout of the books' code")
    failed = 0
    for number, root in books_code.volumes(os.environ[books_code.VARIABLE]).items():
        if args.volume not in (None, number):
            continue
        if number == 1:
            fill = partial(books_data.write_images, found=books_data.images(args.idx, args.images))
            print(f"\nvolume 1, {args.images} images of each part\n")
        else:
            text = args.text.read_text(encoding="utf-8") if args.text else books_data.documentation()
            fill = partial(books_data.write_text, files=books_data.treebank(text, args.words), questions=args.questions)
            print(f"\nvolume 2, {args.words} words, {args.questions} questions\n")
        failed += table(root, books_code.VOLUMES[number], fill, args)
    print(f"\n{failed} failed with ours")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
