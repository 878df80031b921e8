"""What Sphinx does for these pages alone: it asks that every public name is in the reference."""

import importlib
import inspect
import pkgutil
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
    names = [name.rpartition(".") for name in public_names()]
    names.sort(key=lambda parts: parts[0] == "fastlayers")  # of two of one name the function stays
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


def activations(page):
    """The names of all activations on a page of the reference: their layers, or their functions."""
    if page == "layers":
        return [kind.__name__ for kind in layers.ACTIVATIONS.values()]
    names = {f"{family}{way}" for family in layers.ACTIVATIONS for way in ("", "_forward", "_backward")}
    return [name for name in functional.__all__ if name in names]


def autosummary(names, folder):
    """A table of the names, which makes a page for each."""
    return f".. autosummary::\n   :toctree: {folder}\n\n" + "".join(f"   {name}\n" for name in names)


def files_with_tables():
    """Return the files in which Sphinx looks for tables: the pages of the reference, and one for the activations.

    Sphinx reads them from disk, where the pages have the word ACTIVATIONS in place of the table.
    """
    file = HERE / "reference" / "generated" / "activations.rst"
    file.parent.mkdir(exist_ok=True)
    names = [*activations("layers"), *activations("functions")]
    file.write_text(f".. currentmodule:: fastlayers\n\n{autosummary(names, '.')}", encoding="utf-8")
    pages = sorted((HERE / "reference").glob("*.rst"))
    return [*(f"reference/{page.name}" for page in pages), f"reference/generated/{file.name}"]


def show_activations(app, docname, source):
    """Replace the word ACTIVATIONS by the table of all activations, so that a new one is listed without an edit."""
    if "ACTIVATIONS\n" in source[0]:
        table = autosummary(activations(docname.rpartition("/")[2]), "generated")
        source[0] = source[0].replace("ACTIVATIONS\n", table)


def pictures_first(example):
    """Return the sort key of a script of the gallery: those that draw pictures come first, then by name."""
    return not example.startswith("plot_"), example


def hide_the_signature_of_protocols(app, what, name, obj, options, signature, annotation):
    """Show no parameters for a protocol: nobody calls it, and Python gives it ``(*args, **kwargs)``."""
    return ("", annotation) if getattr(obj, "_is_protocol", False) else None


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
    app.connect("source-read", show_activations)
    app.connect("autodoc-process-signature", hide_the_signature_of_protocols)
