"""Every script of the books that uses their layers or optimizers runs with ours, as far as time allows."""

import os
import re
from pathlib import Path

import books
import books_code
import books_data
import pytest

FOLDER = os.environ.get(books_code.VARIABLE, "")
ROOTS = books_code.volumes(FOLDER) if FOLDER else {}
SECONDS = 4.0  # a script that is still at it by then has met all that it uses
IMAGES, WORDS, QUESTIONS, EPOCHS = 100, 1000, 150, 1
MANY_POINTS = "ch01/train_custom_loop.py"  # what it learns is what ch01/train.py learns, and its picture takes seconds
# What these print with the book's layers they print with ours.
COMPARED = ("ch03/train_skip_gram.py", "ch05/train.py", "ch06/train_rnnlm.py")
Trees = dict[int, dict[str, Path]]

pytestmark = [
    pytest.mark.skipif(not ROOTS, reason=f"{books_code.VARIABLE} names no checkout of the books' code"),
    pytest.mark.filterwarnings("ignore"),
]


def to_run() -> list[tuple[int, str]]:
    """By volume: a script that another one imports runs with that."""
    return [
        (number, name)
        for number, root in ROOTS.items()
        for name in books_code.scripts(root, books_code.VOLUMES[number])
        if name != MANY_POINTS and name not in books_code.of_others(root, books_code.VOLUMES[number])
    ]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    """The books' code as it is, and with ours."""
    fills = {
        1: lambda dataset: books_data.write_images(dataset, books_data.images(None, IMAGES)),
        2: lambda dataset: books_data.write_text(dataset, files, QUESTIONS),
    }
    files = books_data.treebank(books_data.documentation(), WORDS) if 2 in ROOTS else {}
    found: Trees = {}
    for number, root in ROOTS.items():
        volume, folder = books_code.VOLUMES[number], tmp_path_factory.mktemp(f"volume{number}")
        epochs = EPOCHS if number == 2 else None
        found[number] = {
            way: books_code.copy_of(root, folder / way, volume, fills[number], epochs) for way in ("book", "ours")
        }
        books_code.replace(found[number]["ours"], volume)
    return found


@pytest.mark.parametrize(("number", "name"), to_run() or [(0, "every script")])
def test_a_script_runs(trees: Trees, number: int, name: str) -> None:
    to_the_end = name in books_code.VOLUMES[number].first or name in COMPARED  # others read what the first write
    ours = books.run(trees[number]["ours"], name, 60.0 if to_the_end else SECONDS)
    still_at_it = ours.status == books.TIMED_OUT and not to_the_end
    assert ours.status == 0 or still_at_it, ours.output[-2000:]
    if name in COMPARED:
        book = books.run(trees[number]["book"], name)
        difference = books.apart(book.output, ours.output)
        assert difference is not None, f"{book.output[-1000:]}\n{ours.output[-1000:]}"
        assert difference < 1e-3


def test_numbers_are_compared_and_times_are_not() -> None:
    assert books.apart("loss 2.50 | time 3[s]", "loss 2.50 | time 1[s]") == 0
    assert books.apart("[-0.5  12]", "[ -0.50 15 ]") == 0.25
    assert books.apart("the year 1", "the car 1") is None
    assert books.apart("12", "1 2") is None


def test_what_is_replaced_is_ours(trees: Trees) -> None:
    """A script that is run proves nothing if it has found the book's own layers."""
    for number, root in ROOTS.items():
        volume, tree = books_code.VOLUMES[number], trees[number]["ours"]
        for module in volume.replaced:
            text = tree.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
            assert {*re.findall(r"(?m)^class (\w+)", text)} <= {*books_code.UNUSED}
        assert len(books_code.scripts(root, volume)) == {1: 23, 2: 31}[number]
