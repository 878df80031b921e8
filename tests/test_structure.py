"""Imports go one way: a package imports what is above it in this list, and a family its namesake.

And what `mutations.py` plants bugs in is there.
"""

import ast
from pathlib import Path

from bugs import MUTATIONS

import fastlayers

ROOT = Path(fastlayers.__file__).parent
SOURCES = Path(__file__).resolve().parents[1] / "fastlayers"
ORDER = [
    {"_version", "kernels"},
    {"_core"},
    {"formulas"},
    {"functional"},
    {"layers"},
    {"optimizers", "formats", "schedules", "initializers", "testing", "datasets", "word2vec"},
    {"training"},
    {"callbacks"},
    {"network"},
    {"reference"},
    {"graph", "mpi"},
    {"sklearn", "command"},
    {"__init__"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}


def imports(path):
    """The names below ``fastlayers`` that a module imports, as tuples of their parts."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*package[: len(package) - node.level + 1], *(node.module or "").split("."))
            yield from ((*filter(None, base), alias.name) for alias in node.names)


def test_imports_go_one_way():
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        own = path.relative_to(ROOT).with_suffix("").parts
        for other in imports(path):
            if other[0] != own[0] and not LEVEL[other[0]] < LEVEL[own[0]]:
                wrong.append(f"{'/'.join(own)} imports {'.'.join(other)}")
            if own[0] in ("formulas", "functional") and other[0] == ORDER[LEVEL[own[0]] - 1] and other[1] != own[1]:
                wrong.append(f"{'/'.join(own)} imports {'.'.join(other)}, which is no namesake")
    assert not wrong


def test_every_planted_bug_has_its_place():
    for bug in MUTATIONS:
        assert (SOURCES / bug.file).read_text(encoding="utf-8").count(bug.old) == 1, f"{bug.file}: {bug.old}"
