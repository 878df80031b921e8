"""What `import fastlayers` brings into a process beside itself and NumPy: only what it uses at once."""

import os
import subprocess
import sys

import kit
import pytest

# These are there first: NumPy's versions differ in what they import, and so do Python's.
USED_AT_ONCE = ("__future__", "dataclasses", "importlib.util", "inspect", "numpy.typing", "platform", "re", "time")
MODULES = f"""
import sys, {", ".join(USED_AT_ONCE)}
before = set(sys.modules)
import fastlayers
print(fastlayers.get_backend(), *sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_what_an_import_brings_in(backend):
    ran = subprocess.run(
        [sys.executable, "-P", "-c", MODULES],
        env={**os.environ, "FASTLAYERS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    answering, *modules = ran.stdout.split()
    assert answering == ("cython" if backend == "auto" and kit.LEVELS else "reference")
    assert "fastlayers.network" in modules
    foreign = [name for name in modules if name.split(".")[0] != "fastlayers" and "cython" not in name]
    assert not foreign, "imported before anything needs them"
    assert not [name for name in modules if name.startswith(("fastlayers.command.cli", "fastlayers.command"))]
    assert not {
        "fastlayers.datasets",
        "fastlayers.graph",
        "fastlayers.word2vec",
        "fastlayers._core.books",
        "fastlayers._core.libraries",
    }.intersection(modules)


def test_datasets_graph_and_word2vec_are_imported_when_they_are_first_used():
    code = """
import sys, fastlayers as fl
assert {"datasets", "graph", "word2vec"} <= set(dir(fl))
for name in "datasets", "graph", "word2vec":
    assert f"fastlayers.{name}" not in sys.modules
    assert getattr(fl, name) is sys.modules[f"fastlayers.{name}"] is vars(fl)[name]
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
