"""The examples in the docstrings and the README run and print what they say."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import families
import numpy as np
import pytest

import fastlayers

README = Path(__file__).resolve().parents[1] / "README.md"
MODULES = [
    info.name
    for info in pkgutil.walk_packages(fastlayers.__path__, "fastlayers.")
    if not info.name.startswith("fastlayers.kernels.") and not info.name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["fastlayers", *MODULES])
def test_docstring_examples(name):
    if name.startswith("fastlayers.sklearn"):
        pytest.importorskip("sklearn")
    module = importlib.import_module(name)
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


def test_the_functions_have_examples():
    finder = doctest.DocTestFinder()
    for name in fastlayers.functional.__all__:
        assert any(test.examples for test in finder.find(getattr(fastlayers, name))), name


@pytest.mark.parametrize("name", families.LAYERS)
def test_the_layers_have_an_example_and_the_formulas_of_forward_and_backward(name):
    layer = getattr(fastlayers, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(layer)
    assert any(".backward(" in example.source for example in test.examples)
    notes = re.search(r"Notes\n-+\n(.*?)\n\n(?:Examples)", inspect.getdoc(layer), flags=re.DOTALL)[1]
    for way in (r"Forward.*?: :math:`.*", r"Backward.*?:\s+:math:`\\partial L"):
        assert re.search(way, notes, flags=re.DOTALL), way
    assert re.search(r"(19|20)\d\d|\*Deep Learning from Scratch", notes), "no source"


def test_readme_examples():
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "README.md", str(README), 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
