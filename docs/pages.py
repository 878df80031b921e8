"""What Sphinx does for these pages alone: it asks that every public name is in the reference."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

from sphinx.util import logging

import fastlayers
from fastlayers import formulas, functional, layers

HERE = Path(__file__).resolve().parent

# Every name of `reference` is one of fastlayers, as its page says; fastlayers offers what the others have.
TWINS = {"reference", "functional", "layers", "network", "optimizers"}


def public_names():
    """The full name of all that the package offers: what stands in the ``__all__`` of each public module."""
    modules = [info.name for info in pkgutil.iter_modules(fastlayers.__path__) if not info.name.startswith("_")]
    for module in ["", *(f".{name}" for name in modules if name not in TWINS)]:
        offering = importlib.import_module(f"fastlayers{module}")
        for name in getattr(offering, "__all__", []):
            if not inspect.ismodule(getattr(offering, name)) and not name.startswith("_"):
                yield f"fastlayers{module}.{name}"


def imports():
    """What the examples of the docstrings, which stand in their modules, need not import."""
    names = (name.rpartition(".") for name in public_names())
    return "\n".join(["import numpy as np", *(f"from {module} import {name}" for module, _, name in names)])


def check_reference(app, env):
    """Warn, which fails the build, of each public name that no page describes."""
    described = {name for name, *_ in env.domains["py"].get_objects()}
    top = {getattr(fastlayers, name.rpartition(".")[2], None): name for name in described}
    for name in public_names():
        module, _, short = name.rpartition(".")
        thing = getattr(importlib.import_module(module), short)
        if name not in described and thing not in top:
            logging.getLogger(__name__).warning("the public name %s is not in the reference", name)


def rest_of(page):
    """The names that a page of the reference does not have itself, of what its module exports."""
    module = {"layers": layers, "functions": functional}[page]
    named = set(
        re.findall(r"^   (\w+)$", (HERE / "reference" / f"{page}.rst").read_text(encoding="utf-8"), re.MULTILINE)
    )
    return sorted({*module.__all__} - named, key=lambda public: (public.partition("_")[0], public))


def listed(names, folder):
    """A list of them with a page for each."""
    return f".. autosummary::\n   :toctree: {folder}\n\n" + "".join(f"   {name}\n" for name in names)


def files_with_lists():
    """Where Sphinx looks for what to make pages of, on disk: the reference, and what stands for THE REST in it."""
    rest = HERE / "reference" / "generated" / "rest.rst"
    rest.parent.mkdir(exist_ok=True)
    names = [*rest_of("layers"), *rest_of("functions")]
    rest.write_text(f".. currentmodule:: fastlayers\n\n{listed(names, '.')}", encoding="utf-8")
    return [*(f"reference/{file.name}" for file in (HERE / "reference").glob("*.rst")), "reference/generated/rest.rst"]


def show_the_rest(app, docname, source):
    """Put the names that a page does not have itself where it says THE REST: so a family that is added is listed."""
    if "THE REST\n" in source[0]:
        source[0] = source[0].replace("THE REST\n", listed(rest_of(docname.rpartition("/")[2]), "generated"))


def show_formulas(app, docname, source):
    """Put every family's formulas where a page says FORMULAS."""
    files = sorted(Path(formulas.__path__[0]).glob("[!_]*.py"))
    shown = "\n".join(
        f".. literalinclude:: ../../fastlayers/formulas/{file.name}\n   :language: python\n" for file in files
    )
    source[0] = source[0].replace("FORMULAS\n", shown)


def setup(app):
    app.connect("env-check-consistency", check_reference)
    app.connect("source-read", show_formulas)
    app.connect("source-read", show_the_rest)
