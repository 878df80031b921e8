"""The books' code: which scripts use layers or optimizers, and copies of it in which these are ours."""

import ast
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import fastlayers

VARIABLE = "FASTLAYERS_BOOKS"
Fill = Callable[[Path], None]  # writes data into a folder ``dataset``
OPTIMIZERS = "common.optimizer"
# Imported by scripts that use no layer too: what it has of ours is replaced, and no script is chosen for it.
HELPERS = "common.util"
UNUSED = ("Simple_TimeSoftmaxWithLoss", "Simple_TimeAffine")  # volume 2's slower forms, which nothing imports


@dataclass(frozen=True)
class Volume:
    """What there is to know of a volume's code."""

    replaced: tuple[str, ...]
    first: tuple[str, ...]  # what other scripts read comes first
    also: tuple[str, ...] = ()  # what uses no layer and reads what layers have learnt
    # Networks that no script trains as it stands: a new script's name, and what it has instead of a line of another.
    variants: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    # What keeps a script from running with its own layers too, and what stands in its place.
    mended: dict[str, tuple[str, str]] = field(default_factory=dict)


VOLUMES = {
    1: Volume(("common.layers", OPTIMIZERS), ("ch07/train_convnet.py", "ch08/train_deepnet.py")),
    2: Volume(
        (
            "common.layers",
            OPTIMIZERS,
            "common.time_layers",
            "ch04.negative_sampling_layer",
            "ch08.attention_layer",
        ),
        ("ch04/train.py", "ch06/train_rnnlm.py", "ch06/train_better_rnnlm.py", "ch08/train.py"),
        ("ch04/eval.py",),
        {
            "ch03/train_skip_gram.py": (
                "ch03/train.py",
                "from simple_cbow import SimpleCBOW",
                "from simple_skip_gram import SimpleSkipGram as SimpleCBOW",
            ),
            "ch04/train_skip_gram.py": ("ch04/train.py", "# model = SkipGram", "model = SkipGram"),
            "ch07/train_peeky_seq2seq.py": ("ch07/train_seq2seq.py", "# model = Peeky", "model = Peeky"),
        },
        {
            # NumPy makes no number of an array with an axis any more.
            "ch07/rnnlm_gen.py": ("int(x)", "int(x[0])"),
            # Chapter 8 imports this one, and has no other of chapter 7 on its path.
            "ch07/peeky_seq2seq.py": ("from seq2seq import", "from ch07.seq2seq import"),
        },
    ),
}


def volumes(given: str) -> dict[int, Path]:
    """The folders of the volumes' code, by their number."""
    found = {}
    for folder in (Path(given), Path(given, "volume1"), Path(given, "volume2")):
        if (folder / "common" / "layers.py").is_file():
            found[2 if (folder / "common" / "time_layers.py").is_file() else 1] = folder.resolve()
    if not found:
        raise SystemExit(f"{given} has no common/layers.py: it is no checkout of the books' code")
    return found


def file_of(module: str, *folders: Path) -> Path | None:
    """The file of one of the book's own modules."""
    paths = (folder.joinpath(*module.split(".")).with_suffix(".py") for folder in folders)
    return next((path for path in paths if path.is_file()), None)


@cache
def imported(path: Path, root: Path, replaced: tuple[str, ...]) -> frozenset[str]:
    """The book's own modules that a file imports, itself or through others: ``common.layers``, ``two_layer_net``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    files = {name: file for name in names if (file := file_of(name, path.parent, root))}
    through = (imported(file, root, replaced) for name, file in files.items() if name not in replaced)
    return frozenset(files).union(*through)


def scripts(root: Path, volume: Volume) -> list[str]:
    """Those that use what is replaced, in the order in which they can run."""
    made = {file_of(module, root) for module in volume.replaced}
    found = [
        path.relative_to(root).as_posix()
        for path in sorted({*root.glob("ch*/*.py"), *root.glob("common/*.py")} - made)
        if imported(path, root, volume.replaced) & {*volume.replaced}
    ]
    found += [*volume.also, *volume.variants]
    return sorted(found, key=lambda name: (name not in volume.first, name))


def of_others(root: Path, volume: Volume) -> set[str]:
    """The scripts that are modules of other scripts."""
    paths = [root / name for name in scripts(root, volume) if name not in volume.variants]
    files = {file_of(name, path.parent, root) for path in paths for name in imported(path, root, volume.replaced)}
    return {file.relative_to(root).as_posix() for file in files if file}


def with_ours(path: Path) -> tuple[str, list[str]]:
    """A module with what ``fastlayers`` has imported from there; and the names of the classes that it has not."""
    text = path.read_text(encoding="utf-8")
    lines, taken, left = text.splitlines(), [], []
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if hasattr(fastlayers, node.name):
                taken.append(node.name)
                lines[node.lineno - 1 : node.end_lineno] = []
            elif isinstance(node, ast.ClassDef) and node.name not in UNUSED:
                left.append(node.name)
    return "\n".join(
        [*lines, f"from fastlayers import {', '.join(sorted(taken))}", ""] if taken else [*lines, ""]
    ), left


def copy_of(root: Path, folder: Path, volume: Volume, fill: Fill, epochs: int | None = None) -> Path:
    """The book's code with these data, and of longer trainings only so many epochs."""
    shutil.copytree(root, folder)
    fill(folder / "dataset")
    changes = {name: (name, *change) for name, change in volume.mended.items()} | volume.variants
    for name, (script, line, instead) in changes.items():
        text = (folder / script).read_text(encoding="utf-8")
        if line not in text:
            raise SystemExit(f"{script} has no {line!r}")
        (folder / name).write_text(text.replace(line, instead), encoding="utf-8")
    for path in folder.glob("ch*/*.py") if epochs else ():
        text = path.read_text(encoding="utf-8")
        few = re.sub(r"(?m)^max_epoch = (\d+)", lambda found: f"max_epoch = {min(int(found[1]), epochs)}", text)
        path.write_text(few, encoding="utf-8")
    return folder


def replace(folder: Path, volume: Volume, *, layers_alone: bool = False) -> list[str]:
    """Ours in place of the book's layers and optimizers; the classes that are not there."""
    missing = []
    for module in (*volume.replaced, HELPERS):
        if layers_alone and module == OPTIMIZERS:
            continue
        path = folder.joinpath(*module.split(".")).with_suffix(".py")
        text, left = with_ours(path)
        path.write_text(text, encoding="utf-8")
        missing += [f"{module}.{name}" for name in left]
    return missing
