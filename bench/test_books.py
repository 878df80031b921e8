"""Every script of the first volume that uses its layers or optimizers runs with ours, as far as time allows."""

import os
from pathlib import Path

import books
import pytest

FOLDER = os.environ.get(books.VARIABLE, "")
ROOT = books.volume(FOLDER) if FOLDER else None
SECONDS = 4.0  # a script that is still at it by then has met all that it uses
IMAGES = 100

pytestmark = [
    pytest.mark.skipif(ROOT is None, reason=f"{books.VARIABLE} names no checkout of the book's code"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert ROOT is not None
    return books.copy_of(ROOT, tmp_path_factory.mktemp("book") / "ours", books.images(None, IMAGES), ours=True)


@pytest.mark.parametrize("name", books.scripts(ROOT) if ROOT else ["every script"])
def test_a_script_runs(tree: Path, name: str) -> None:
    limit = 60.0 if name in books.FIRST else SECONDS  # the others need what these write
    outcome = books.run(tree, name, limit)
    still_at_it = outcome.status == books.TIMED_OUT and name not in books.FIRST
    assert outcome.status == 0 or still_at_it, outcome.output[-2000:]


def test_what_is_replaced_is_ours(tree: Path) -> None:
    """A script that is run proves nothing if it has found the book's own layers."""
    for name in ("layers", "optimizer"):
        text = (tree / "common" / f"{name}.py").read_text("utf-8")
        assert "from fastlayers import" in text
        assert "class" not in text
    assert len(books.scripts(tree)) == 23
