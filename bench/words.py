#!/usr/bin/env python
"""word2vec beside gensim's: words a second of a core's time, and what the vectors know, of one text, alike set.

    python bench/words.py gcide.dict.dz

The text may be any, also compressed by gzip. The figures of the documentation are of the dictionary in Debian's package
dict-gcide (``/usr/share/dictd/gcide.dict.dz``): five million words, of 46 thousand that come five times or
more.

What the vectors know is asked by what the text itself has. Of words whose other forms it has, those by -s, -ed, -ing
and -ly, each two pairs make an analogy: is the word nearest to ``walked - walk + talk`` the word ``talked``? And of a
dictionary the lists of synonyms, which are taken out before it is learned: how often a word is nearer to its synonym
than to another word that is about as frequent.
"""

import argparse
import gzip
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from fastlayers.word2vec import Corpus, Word2Vec, read_corpus

SETTINGS = {"window": 5, "negative": 5, "sample": 1e-3}
ENDINGS = ("s", "ed", "ing", "ly")
LR = {"cbow": 0.05, "skipgram": 0.025}


def sentences(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The paragraphs of a text in small letters, and the pairs of synonyms that a dictionary lists."""
    found, pairs, head = [], [], ""
    for paragraph in re.split(r"\n\s*\n", text):
        before, _, listed = paragraph.partition("Syn:")
        entry = re.match(r"([A-Z][a-z]+) \\", before)
        head = entry[1].lower() if entry else head
        words = [word.strip(" .\n").lower() for word in re.split(r"[,;]", listed)]
        pairs += [(head, word) for word in words if word.isalpha()]
        found.append(" ".join(re.findall(r"[a-z]+", before.lower())))
    return found, pairs


def analogies(words: dict[str, int]) -> np.ndarray:
    """Rows of four numbers, a is to b as c to d: of the most frequent words that have another form."""
    asked = []
    for ending in ENDINGS:
        pairs = [(i, words[word + ending]) for word, i in words.items() if word + ending in words and len(word) > 3]
        pairs = sorted(pairs, key=max)[:60]
        asked += [(*one, *other) for one in pairs for other in pairs if one != other]
    return np.array(asked)


def analogies_right(vectors: np.ndarray, asked: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    right = 0
    for part in np.array_split(asked, len(asked) // 500 + 1):
        cosines = (unit[part[:, 1]] - unit[part[:, 0]] + unit[part[:, 2]]) @ unit.T
        cosines[np.arange(len(part))[:, np.newaxis], part[:, :3]] = -np.inf
        right += int((cosines.argmax(axis=1) == part[:, 3]).sum())
    return right / len(asked)


def synonyms_nearer(vectors: np.ndarray, pairs: np.ndarray) -> float:
    """Against words that stand next in the order of how often they occur."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    others = pairs[:, 1] + np.random.default_rng(0).choice((-3, -2, -1, 1, 2, 3), len(pairs))
    others = np.clip(others, 0, len(unit) - 1)
    near, far = ((unit[pairs[:, 0]] * unit[column]).sum(axis=1) for column in (pairs[:, 1], others))
    return float(np.mean(near > far))


def ours(corpus: Corpus, model: str, size: int, epochs: int) -> Callable[[], np.ndarray]:
    made = Word2Vec(*corpus, model=model, size=size, rng=0, **SETTINGS)

    def train() -> np.ndarray:
        made.train(corpus.ids, epochs=epochs, lr=LR[model])
        return made.vectors

    return train


def gensims(
    path: str, corpus: Corpus, model: str, size: int, epochs: int, min_count: int
) -> Callable[[], np.ndarray] | None:
    try:
        from gensim.models import Word2Vec as Other
    except ImportError:
        return None
    made: Any = Other(
        vector_size=size,
        sg=int(model == "skipgram"),
        alpha=LR[model],
        min_count=min_count,
        seed=0,
        workers=1,
        **SETTINGS,
    )
    made.build_vocab(corpus_file=path)

    def train() -> np.ndarray:
        made.train(
            corpus_file=path, total_examples=made.corpus_count, total_words=made.corpus_total_words, epochs=epochs
        )
        return np.array([made.wv[word] for word in corpus.words])

    return train


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("text", type=Path)
    options.add_argument("--size", type=int, default=100, help="numbers of a vector (%(default)s)")
    options.add_argument("--min-count", type=int, default=5, help="of a word that is learned (%(default)s)")
    options.add_argument("--epochs", type=int, default=5, help="(%(default)s)")
    options.add_argument("--most", type=int, default=-1, help="no more characters of the text than this")
    args = options.parse_args()
    opened = gzip.open if args.text.suffix in (".gz", ".dz") else open
    with opened(args.text, "rt", encoding="utf-8", errors="replace") as file:
        found, listed = sentences(file.read(args.most))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "text.txt"))
        Path(path).write_text("\n".join(found), encoding="utf-8")
        start = process_time()
        corpus = read_corpus(path, args.min_count)
        seconds = process_time() - start
        numbers = {word: i for i, word in enumerate(corpus.words)}
        asked = analogies(numbers)
        pairs = np.array([(numbers[a], numbers[b]) for a, b in listed if a in numbers and b in numbers and a != b])
        count = int((corpus.ids >= 0).sum())
        print(f"{count:,} words, {len(numbers):,} that differ; read in {seconds:.1f} s")
        print(f"{len(asked):,} analogies, {len(pairs):,} pairs of synonyms\n")
        print("| model | by | words a second | analogies right | synonyms nearer |\n| --- | --- | --- | --- | --- |")
        for model in LR:
            makers = {
                "fastlayers": ours(corpus, model, args.size, args.epochs),
                "gensim": gensims(path, corpus, model, args.size, args.epochs, args.min_count),
            }
            for name, train in makers.items():
                if train is None:
                    continue
                start = process_time()
                vectors = train()
                speed = count * args.epochs / (process_time() - start)
                right = f"{analogies_right(vectors, asked):.1%}"
                nearer = f"{synonyms_nearer(vectors, pairs):.1%}" if len(pairs) else ""
                print(f"| {model} | {name} | {speed:,.0f} | {right} | {nearer} |", flush=True)


if __name__ == "__main__":
    main()
