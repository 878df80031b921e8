"""What the scripts of the books read, in the books' formats: images, a text for the Penn Treebank's, questions.

The text is Python's own documentation and NumPy's, which are wherever this runs: the topics of ``help()``, then the
docstrings of the standard library and of NumPy. It is written as the Penn Treebank is: small letters, ``N`` for a
number, ``<eos>`` for the end of a sentence, ``<unk>`` for what is not among the 10,000 words that the scripts count on.
"""

import os
import pickle
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fastlayers import datasets

VOCABULARY = 10_000
# Those that a script looks up. The treebank begins with a line of rare words too.
ASKED_FOR = (
    "you year car toyota king man queen take took go cars child good better bad the meaning of life is $ N <unk>"
)
NO_PROSE = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages"}
# A batch of eval_perplexity needs this many words, one of the two seq2seq trainers this many questions.
LEAST_WORDS, LEAST_QUESTIONS = 351, 143


def images(idx: Path | None, count: int | None) -> dict[str, np.ndarray]:
    """The first so many training images and test images each, as volume 1's ``mnist.pkl`` has them."""
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


def documentation() -> str:
    """Python's topics of help, then the docstrings of its standard library and of NumPy, in the order of the files."""
    from pydoc_data import topics  # half a megabyte, of which volume 1 has no need

    found = list(topics.topics.values())
    for root in (Path(sysconfig.get_path("stdlib")), Path(np.__file__).parent):
        for folder, folders, files in os.walk(root):
            folders[:] = sorted({*folders} - NO_PROSE)
            for name in sorted(file for file in files if file.endswith(".py")):
                source = Path(folder, name).read_text(encoding="utf-8", errors="replace")
                found += re.findall(r'"""(.*?)"""', source, re.DOTALL)
    return "\n".join(found)


def words(text: str) -> Iterator[str]:
    """The words of a text, as the Penn Treebank has them."""
    for word in re.findall(r"[a-z]+(?:'[a-z]+)?|\d+|[$]|[.?!](?=\s)", text.lower()):
        yield "N" if word.isdigit() else "<eos>" if word in ".?!" else word


def treebank(text: str, count: int) -> dict[str, object]:
    """The files of ``dataset/ptb.py``: the vocabulary of the whole text, so many of its words, and those behind them.

    Words are numbered as they come, as the book does, so that the first so many words have the lowest numbers.
    """
    found = [*ASKED_FOR.split(), "<eos>", *words(text)]
    kept = {*ASKED_FOR.split(), "<eos>"}
    kept.update(
        [word for word, _ in Counter(found).most_common(VOCABULARY) if word not in kept][: VOCABULARY - len(kept)]
    )
    if len(kept) < VOCABULARY:
        raise SystemExit(f"the text has {len(kept)} words that differ, and the scripts count on {VOCABULARY}")
    found = [word if word in kept else "<unk>" for word in found]
    ids = {word: number for number, word in enumerate(dict.fromkeys(found))}
    corpus = np.array([ids[word] for word in found])
    train, part = max(count, LEAST_WORDS), max(count // 10, LEAST_WORDS)
    return {
        "ptb.vocab.pkl": (ids, dict(enumerate(ids))),
        "ptb.train.npy": corpus[:train],
        "ptb.valid.npy": corpus[train : train + part],
        "ptb.test.npy": corpus[train + part : train + 2 * part],
    }


def write_images(dataset: Path, found: dict[str, np.ndarray]) -> None:
    """Volume 1's images."""
    (dataset / "mnist.pkl").write_bytes(pickle.dumps(found))


def write_text(dataset: Path, files: dict[str, object], questions: int) -> None:
    """Volume 2's text, and the first so many of the book's questions."""
    for name, value in files.items():
        if isinstance(value, np.ndarray):
            np.save(dataset / name, value)
        else:
            (dataset / name).write_bytes(pickle.dumps(value))
    for name in ("addition.txt", "date.txt"):
        lines = (dataset / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (dataset / name).write_text("".join(lines[: max(questions, LEAST_QUESTIONS)]), encoding="utf-8")
