"""The scripts of the book, with its own layers and with ours in their place: outputs and times, side by side.

    FASTLAYERS_BOOKS=FOLDER python bench/books.py [--idx DIR] [--images N] [--only TEXT]

FOLDER is a checkout of the code of *Deep Learning from Scratch* (or holds one as ``volume1``); it is only read. Every
script that imports ``common.layers`` or ``common.optimizer``, itself or through other modules, runs in a copy; for ours
these two are replaced by modules that import from ``fastlayers``. The images are those of an idx folder such as
Fashion-MNIST, in the book's format; without one scikit-learn's digits, enlarged.
"""

import argparse
import ast
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from fastlayers import datasets
from fastlayers.command.terminal import human

VARIABLE = "FASTLAYERS_BOOKS"
TIMED_OUT = -1  # the status of a script that was not done
REPLACED = ("common.layers", "common.optimizer")
# What other scripts read comes first.
FIRST = ("ch07/train_convnet.py", "ch08/train_deepnet.py")
LAYERS = """
import numpy as np
from common.functions import *
from fastlayers import Affine, BatchNormalization, Convolution, Dropout, Pooling, Relu, Sigmoid, SoftmaxWithLoss
from fastlayers import col2im, im2col
"""
OPTIMIZER = """
import numpy as np
from fastlayers import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
"""
# One thread both ways; nothing is shown.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "FASTLAYERS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONIOENCODING": "utf-8",
}
HEADS = ("script", "the book's", "ours", "times as fast", "the book's last line", "our last line")
# The same numbers are drawn both ways, by all but the layers.
RUN = """
import runpy, sys
sys.path.insert(0, "")
import numpy
numpy.random.seed(0)
numpy.set_printoptions(precision=6)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def volume(given: str) -> Path:
    """The folder of the first volume's code."""
    for folder in (Path(given), Path(given, "volume1")):
        if (folder / "common" / "layers.py").is_file():
            return folder.resolve()
    raise SystemExit(f"{given} has no common/layers.py: it is no checkout of the book's code")


def imported(path: Path, root: Path) -> Iterator[str]:
    """The book's own modules that a file imports, itself or through others: ``common.layers``, ``two_layer_net``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    for name in names:
        for folder in (path.parent, root):
            file = folder.joinpath(*name.split(".")).with_suffix(".py")
            if file.is_file():
                yield name
                if name not in REPLACED:
                    yield from imported(file, root)
                break


def scripts(root: Path) -> list[str]:
    """Those that use what is replaced, in the order in which they can run."""
    found = [
        path.relative_to(root).as_posix()
        for path in sorted([*root.glob("ch*/*.py"), *root.glob("common/*.py")])
        if {*imported(path, root)} & {*REPLACED}
    ]
    return sorted(found, key=lambda name: (name not in FIRST, name))


def images(idx: Path | None, count: int | None) -> dict[str, np.ndarray]:
    """The first so many training images and test images each, as the book's ``mnist.pkl`` has them."""
    if idx is None:
        digits = datasets.load_digits()
        parts = {
            "train": (np.rint(digits.train.x * 255), digits.train.t),
            "test": (np.rint(digits.test.x * 255), digits.test.t),
        }
        grow = np.ones((3, 3))
        parts = {
            name: (
                np.stack([np.pad(np.kron(image.reshape(8, 8), grow), 2) for image in x]).reshape(len(x), -1),
                t,
            )
            for name, (x, t) in parts.items()
        }
    else:
        parts = {}
        for name, part in (("train", "train"), ("test", "t10k")):
            split = datasets.load_idx_split(idx, part)  # type: ignore[arg-type]  # one of its two
            parts[name] = (np.rint(split.x * 255), split.t)
    found = {}
    for name, (x, t) in parts.items():
        found[f"{name}_img"], found[f"{name}_label"] = x[:count].astype(np.uint8), t[:count].astype(np.uint8)
    return found


def copy_of(root: Path, folder: Path, data: dict[str, np.ndarray], *, ours: bool) -> Path:
    """The book's code with these images, and with ours in place of its layers and optimizers."""
    shutil.copytree(root, folder)
    (folder / "dataset" / "mnist.pkl").write_bytes(pickle.dumps(data))
    if ours:
        (folder / "common" / "layers.py").write_text(LAYERS, encoding="utf-8")
        (folder / "common" / "optimizer.py").write_text(OPTIMIZER, encoding="utf-8")
    return folder


@dataclass
class Outcome:
    """What a script did."""

    seconds: float
    status: int
    output: str

    @property
    def last(self) -> str:
        """The last line that it printed, or the error."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def run(tree: Path, name: str, timeout: float = 3600) -> Outcome:
    """Run a script as its reader does, from its own folder, in a process of its own."""
    start = perf_counter()
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
    return Outcome(perf_counter() - start, done.returncode, done.stdout)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--idx", type=Path, help="a folder of images in the MNIST format")
    options.add_argument("--images", type=int, default=300, help="so many of each part (%(default)s)")
    options.add_argument("--only", default="", help="scripts with this in their name alone")
    options.add_argument("--timeout", type=float, default=3600, help="seconds for a script (%(default)g)")
    args = options.parse_args()
    if VARIABLE not in os.environ:
        raise SystemExit(f"{VARIABLE} must name a checkout of the book's code")
    root = volume(os.environ[VARIABLE])
    data = images(args.idx, args.images)
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        trees = {way: copy_of(root, Path(work, way), data, ours=way == "ours") for way in ("book", "ours")}
        chosen = [name for name in scripts(root) if args.only in name]
        print(f"{len(chosen)} scripts, {args.images} images of each part\n")
        print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
        for name in chosen:
            book, ours = (run(trees[way], name, args.timeout) for way in ("book", "ours"))
            failed += ours.status != 0
            cells = [
                name,
                *(human(each.seconds) if each.status == 0 else f"failed ({each.status})" for each in (book, ours)),
                f"{book.seconds / ours.seconds:.2f}",
                *(each.last[:70].replace("|", "/") for each in (book, ours)),
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{failed} of {len(chosen)} failed with ours")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
