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


def write_lists():
    """Write the pages of layers and of functions, each with what its template does not name where that says THE REST.

    So a family that is added is listed; Sphinx looks for such lists on disk, before it reads any page.
    """
    for name, module in (("layers", layers), ("functions", functional)):
        template = (HERE / "reference" / f"{name}.in").read_text(encoding="utf-8")
        named = set(re.findall(r"^   (\w+)$", template, re.MULTILINE))
        rest = "\n   ".join(sorted({*module.__all__} - named, key=lambda public: (public.partition("_")[0], public)))
        (HERE / "reference" / f"{name}.rst").write_text(template.replace("THE REST", rest), encoding="utf-8")


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
